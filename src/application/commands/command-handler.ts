import type { CommandOf, CommandType, commandData } from '../../contract/messages/commands.js';
import type { SnapshotKeySet } from '../snapshot/snapshot-key-set.js';
import type { CommandContext, CommandOutcome } from './outcome.js';

/**
 * Everything that the application knows about one command. There is one file per command, and registry.ts lists them.
 */
export interface CommandHandler<T extends CommandType> {
  readonly type: T;
  /** The contract's schema of the command's data. `handle` gets a command that was parsed with it. */
  readonly schema: (typeof commandData)[T];
  /**
   * Adds what `handle` needs from the snapshot. The receipt, the actor, their membership and the chat are always there.
   * If absent, nothing else is needed.
   */
  snapshotKeys?(command: CommandOf<T>, keys: SnapshotKeySet): void;
  /** Decides the command on the snapshot. Pure: changes go into `context.state`, and a refusal is a value. */
  handle(command: CommandOf<T>, context: CommandContext): CommandOutcome;
}
