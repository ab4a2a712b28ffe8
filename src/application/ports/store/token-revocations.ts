import type { UserKey } from './command-store.js';

/** Tokens of a user that were issued before a time are refused. At most one per user, and it only moves forward. */
export interface Revocation extends UserKey {
  issuedBefore: Date;
}

export interface RevocationsRead {
  revocations: Revocation[];
  /** The number of the last change that is included. Later changes have higher numbers. */
  through: number;
}

/** Every method rejects with a `StoreError`. */
export interface TokenRevocations {
  /**
   * Revokes the user's tokens that were issued before `issuedBefore`. Null, or a later time than now, means now.
   * Returns the time that holds, which is later if an earlier revocation named a later one.
   */
  revoke(user: UserKey, issuedBefore: Date | null): Promise<Date>;
  /** The `limit` revocations with the latest times, latest first. */
  latest(limit: number): Promise<RevocationsRead>;
  /** The next changes, at most `limit`. */
  changedAfter(number: number, limit: number): Promise<RevocationsRead>;
  /** Null: none of the user's tokens is revoked. */
  of(user: UserKey): Promise<Date | null>;
  /** Erases revocations of tokens that were issued before a time, at most `limit`. */
  forget(before: Date, limit: number): Promise<void>;
}
