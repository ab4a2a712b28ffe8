/** How often things may be done: counted before anything is read from the store or decided. Adapter: `quota`. */
import type { CommandType } from '../../contract/commands.js';
import type { Quota } from '../policy/policy-document.js';

/** A command as quotas see it. */
export interface CountedCommand {
  /** Null: there is no such command. It counts where a quota is for all of them. */
  type: CommandType | null;
  /** By what it is counted; a quota whose key is null does not concern it. */
  keys: { readonly [per in Quota['per']]: string | null };
}

/** The quota that a command would pass, of several the one that stays passed for the longest. */
export interface OverQuota {
  quota: Quota;
  /** Whole seconds, at least 1, at most the window: then there is room again, if nobody else takes it. */
  retryAfterSeconds: number;
}

export interface Quotas {
  /**
   * Takes the commands in order, each from all quotas that concern it or from none; null: taken. Calls that overlap do not mix: each is done
   * with before the next begins.
   */
  takeAll(commands: readonly CountedCommand[]): Promise<(OverQuota | null)[]>;
}
