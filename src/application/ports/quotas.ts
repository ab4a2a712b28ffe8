/**
 * Rate limits. Commands are counted before anything is read from the store or decided. Quotas per chat are the
 * exception: a command takes from them after the policy has permitted it.
 */
import type { CommandType } from '../../contract/messages/commands.js';

export const QUOTA_KEYS = ['actor', 'chat', 'tenant', 'producer'] as const;

/** Maximum number of these commands in a time window, for each value of what the quota counts by. */
export interface Quota {
  id: string;
  per: (typeof QUOTA_KEYS)[number];
  actions: CommandType[];
  limit: number;
  windowMs: number;
}

/** A command as quotas see it. */
export interface CountedCommand {
  /** Null if the type is unknown. Such a command counts for quotas of all commands. */
  type: CommandType | null;
  /** The keys that the command is counted by. A quota whose key is null does not apply. */
  keys: { readonly [per in Quota['per']]: string | null };
  /**
   * Whether the actor is known to be in the chat. Only a known member is rejected by a chat quota before the decision.
   */
  isMember: boolean;
}

/** The quota that a command would exceed. If there are several, the one that stays exceeded for the longest. */
export interface OverQuota {
  quota: Quota;
  /** Whole seconds, at least 1 and at most the window, until the quota has room if no other command takes it. */
  retryAfterSeconds: number;
}

/**
 * What is left of one quota of one chat, for commands that were checked together. Each command that takes from it
 * records that here.
 */
export interface QuotaReservation {
  readonly quota: Quota;
  readonly key: string;
  /** Milliseconds until there is room again once nothing is left. Above 0. */
  readonly waitMs: number;
  left: number;
  /** Taken, and not counted yet. */
  taken: number;
}

export interface QuotaVerdict {
  over: OverQuota | null;
  /** The chat quotas that apply to the command, with nothing taken yet. Empty if the command is rejected. */
  reservations: readonly QuotaReservation[];
}

export interface Quotas {
  /**
   * Takes the commands in order. Each command takes from all quotas that apply, except those per chat, or from none.
   * Overlapping calls run one after another. Only one caller may have reservations of a chat at a time.
   */
  takeAll(commands: readonly CountedCommand[]): Promise<QuotaVerdict[]>;
  /**
   * Counts, once, what has been taken from these reservations. A quota that was replaced meanwhile is left unchanged.
   */
  count(reservations: Iterable<QuotaReservation>): Promise<void>;
}
