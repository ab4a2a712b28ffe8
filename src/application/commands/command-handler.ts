import type { CommandOf, CommandType, commandData } from '../../contract/messages/commands.js';
import type { SnapshotKeySet } from '../snapshot/snapshot-key-set.js';
import type { CommandContext, CommandOutcome } from './outcome.js';

/** Everything that the application knows of one command: one file per command, listed in registry.ts. */
export interface CommandHandler<T extends CommandType> {
  readonly type: T;
  /** Of the command's data: the contract's entry. The command that `handle` gets has been parsed with it. */
  readonly schema: (typeof commandData)[T];
  /**
   * Adds what `handle` will ask the snapshot for. The receipt, the actor, their membership and the chat are there already. Absent: nothing more.
   */
  snapshotKeys?(command: CommandOf<T>, keys: SnapshotKeySet): void;
  /** Decides the command on the snapshot. Pure: what changes is put into `context.state`; a refusal is a value. */
  handle(command: CommandOf<T>, context: CommandContext): CommandOutcome;
}
