/**
 * How often things may be done: counted before anything is read from the store or decided, but for what may be done in a chat, which is taken
 * once the policy has permitted it. Adapter: `quota`.
 */
import type { CommandType } from '../../contract/messages/commands.js';

export const QUOTA_KEYS = ['actor', 'chat', 'tenant', 'producer'] as const;

/** At most so many of these commands in so long, for each of what it is counted by. */
export interface Quota {
  id: string;
  per: (typeof QUOTA_KEYS)[number];
  actions: CommandType[];
  limit: number;
  windowMs: number;
}

/** A command as quotas see it. */
export interface CountedCommand {
  /** Null: there is no such command. It counts where a quota is for all of them. */
  type: CommandType | null;
  /** By what it is counted; a quota whose key is null does not concern it. */
  keys: { readonly [per in Quota['per']]: string | null };
  /** Whether the actor is known to be in the chat: nobody else is refused by a quota of the chat before it is decided. */
  isMember: boolean;
}

/** The quota that a command would pass, of several the one that stays passed for the longest. */
export interface OverQuota {
  quota: Quota;
  /** Whole seconds, at least 1, at most the window: then there is room again, if nobody else takes it. */
  retryAfterSeconds: number;
}

/** What is left of one quota of one chat, for the commands that were looked at together: whoever takes from it says so in it. */
export interface QuotaReservation {
  readonly quota: Quota;
  readonly key: string;
  /** How long until there is room again once nothing is left, in milliseconds; above 0. */
  readonly waitMs: number;
  left: number;
  /** Taken, and not counted yet. */
  taken: number;
}

export interface QuotaVerdict {
  over: OverQuota | null;
  /** In the chat's quotas that concern the command, nothing taken; none where it is refused. */
  rooms: readonly QuotaReservation[];
}

export interface Quotas {
  /**
   * Takes the commands in order, each from all quotas that concern it, but those per chat, or from none. Calls that overlap do not mix: each is
   * done with before the next begins. Of one chat only one caller may have room at a time.
   */
  takeAll(commands: readonly CountedCommand[]): Promise<QuotaVerdict[]>;
  /** Counts what has been taken from these, once; a quota that has been replaced meanwhile is left alone. */
  count(rooms: Iterable<QuotaReservation>): Promise<void>;
}
