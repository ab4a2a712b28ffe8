/** What the policy decided, kept for `DECISION_RETENTION`. Commands' decisions are written with their batch (`BatchWrites.decisions`). */
import type { DecisionRecord } from './decision-record.js';

export interface LoggedDecision extends DecisionRecord {
  /** SHA-256 of the attributes in canonical form (RFC 8785), in hexadecimal. */
  attributesDigest: string;
}

/** Every method rejects with a `StoreError`. */
export interface DecisionLog {
  /** For decisions about queries, which have no transaction to be written with. */
  record(decisions: readonly DecisionRecord[]): Promise<void>;
  find(decisionId: string): Promise<LoggedDecision | null>;
  /** In the order of their ids, beyond `after` (null: the first made at `since` or later), at most `limit`. */
  page(since: Date, after: string | null, limit: number): Promise<LoggedDecision[]>;
  /** Deletes decisions made before `before`, at most `limit` a call; returns how many. */
  prune(before: Date, limit: number): Promise<number>;
  /** Keeps a policy's text under its version, so that what it decides can be explained later. */
  savePolicy(version: string, source: string): Promise<void>;
  findPolicy(version: string): Promise<string | null>;
}

const TIME_HEX_DIGITS = 12;

/** The id before which every decision was made before `time`, and no other: a UUIDv7 begins with its time (RFC 9562, section 5.7). */
export function smallestIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(TIME_HEX_DIGITS, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
