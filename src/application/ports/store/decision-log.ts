/**
 * Decisions of the policy, kept for `DECISION_RETENTION`. Decisions about commands are written with their batch
 * (`BatchWrites.decisions`).
 */
import type { DecisionRecord } from './decision-record.js';

export interface LoggedDecision extends DecisionRecord {
  /** SHA-256 of the attributes in canonical form (RFC 8785), in hexadecimal. */
  attributesDigest: string;
}

/** Every method rejects with a `StoreError`. */
export interface DecisionLog {
  /** Stores decisions about queries, which have no transaction of their own. */
  record(decisions: readonly DecisionRecord[]): Promise<void>;
  find(decisionId: string): Promise<LoggedDecision | null>;
  /**
   * Decisions in the order of their ids, after `after` (null: from the first made at or after `since`), at most
   * `limit`.
   */
  page(since: Date, after: string | null, limit: number): Promise<LoggedDecision[]>;
  /** Deletes decisions made before `before`, at most `limit` per call. Returns the number of deleted rows. */
  prune(before: Date, limit: number): Promise<number>;
  /** Stores a policy's text under its version, so that its decisions can be explained later. */
  savePolicy(version: string, source: string): Promise<void>;
  findPolicy(version: string): Promise<string | null>;
}

const TIME_HEX_DIGITS = 12;

/**
 * The id that separates decisions made before `time` from the later ones. A UUIDv7 begins with its time (RFC 9562,
 * section 5.7).
 */
export function smallestIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(TIME_HEX_DIGITS, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
