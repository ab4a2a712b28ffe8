/** API keys of bots: bearer tokens that are stored as a hash. */
import type { UserKey } from './command-store.js';

export type KeyScope = 'read' | 'write' | 'realtime' | 'admin';

export interface ApiKey extends UserKey {
  keyId: string;
  label: string;
  scopes: KeyScope[];
  createdBy: string;
  createdAt: Date;
  /** Null: never. */
  expiresAt: Date | null;
}

export interface StoredApiKey extends ApiKey {
  /** SHA-256 of the secret part. */
  hash: Uint8Array;
}

/** Every method rejects with a `StoreError`. */
export interface ApiKeys {
  /** False: the user has `max` keys already. Two calls at a time may exceed it. */
  add(key: StoredApiKey, max: number): Promise<boolean>;
  /** Oldest first. */
  list(user: UserKey): Promise<ApiKey[]>;
  /** Null: the user has no such key. */
  remove(user: UserKey, keyId: string): Promise<ApiKey | null>;
  /** Those that exist. */
  find(keyIds: readonly string[]): Promise<StoredApiKey[]>;
}
