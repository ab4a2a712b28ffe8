/**
 * API keys as bearer tokens. Each process holds the keys that it has seen, and reads a key again when it is older than
 * a second. Connections are closed when their key is gone, which is followed like the revocations of tokens (ADR 0026).
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { ApiKeys, StoredApiKey } from '../ports/store/api-keys.js';
import {
  TokenKeysUnavailable,
  type TokenVerification,
  type TokenVerifier,
  type TokenVerifierOptions,
} from '../ports/token-verifier.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import type { Time } from '../runtime/time.js';
import type { RevocationList } from './revocations.js';

/** A key is accepted without a read for this long after the last one. */
export const KEY_FRESH_MS = 1_000;
/** While the store is unavailable, for this long. */
export const KEY_STALE_AFTER_MS = 5_000;
/** How often the keys of connections are read again. */
const FOLLOW_EVERY_MS = 1_000;
/** Keys in memory, about 500 bytes each. */
const KEYS_HELD_MAX = 10_000;
/** Keys in one read. */
const READ_AT_ONCE_MAX = 1_000;
const SECRET_BYTES = 32;

const TOKEN = /^parley_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

/** A new key: 256 random bits, of which the store gets the hash. */
export function newApiKey(keyId: string): { key: string; hash: Uint8Array } {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { key: `parley_${keyId.replaceAll('-', '')}_${secret}`, hash: hashOf(secret) };
}

function hashOf(secret: string): Uint8Array {
  return createHash('sha256').update(Buffer.from(secret, 'base64url')).digest();
}

interface Held {
  /** Null: there is no such key. */
  key: StoredApiKey | null;
  readAtMs: number;
}

export interface ApiKeyListDeps {
  store: Pick<ApiKeys, 'find'>;
  revocations: Pick<RevocationList, 'isRevoked'>;
  logger: WorkerLog;
  time: Time;
}

export class ApiKeyList {
  private readonly held = new LRUCache<string, Held>({ max: KEYS_HELD_MAX });
  /** Of connections, since the last read. */
  private readonly asked = new Set<string>();
  private readonly life = new AbortController();
  private following: Promise<void> = Promise.resolve();

  constructor(private readonly deps: ApiKeyListDeps) {}

  start(): void {
    this.following = this.follow();
  }

  async stop(): Promise<void> {
    this.life.abort();
    await this.following;
  }

  static isApiKey(token: string): boolean {
    return token.startsWith('parley_');
  }

  /** As far as the memory knows. For connections that were checked when they began, and ask again and again. */
  isKnownRevoked(keyId: string): boolean {
    this.asked.add(keyId);
    return this.held.get(keyId)?.key === null;
  }

  /** Rejects with `TokenKeysUnavailable` if only the store can answer, and it is unavailable. */
  async verify(token: string, { now = new Date() }: TokenVerifierOptions): Promise<TokenVerification> {
    const [, a, b, c, d, e, secret = ''] = TOKEN.exec(token) ?? [];
    if (a === undefined) return { ok: false, reason: 'not an API key' };
    const keyId = [a, b, c, d, e].join('-');
    const key = await this.find(keyId);
    if (key === null || !timingSafeEqual(key.hash, hashOf(secret)))
      return { ok: false, reason: 'the API key does not exist, or was revoked' };
    const { tenantId, userId, scopes, createdAt: issuedAt, expiresAt } = key;
    if (expiresAt !== null && expiresAt <= now) return { ok: false, reason: 'the API key has expired' };
    const actor = { tenantId, userId };
    if (await this.isUserRevoked(actor, issuedAt)) return { ok: false, reason: 'the API key was revoked' };
    return { ok: true, actor, claims: {}, issuedAt, keyId, scopes, ...(expiresAt === null ? {} : { expiresAt }) };
  }

  private async isUserRevoked(user: { tenantId: string; userId: string }, issuedAt: Date): Promise<boolean> {
    try {
      return await this.deps.revocations.isRevoked(user, issuedAt);
    } catch (cause) {
      throw new TokenKeysUnavailable('the revocations of tokens cannot be read', { cause });
    }
  }

  private async find(keyId: string): Promise<StoredApiKey | null> {
    const known = this.held.get(keyId);
    const ageMs = this.deps.time.elapsedMs() - (known?.readAtMs ?? Number.NEGATIVE_INFINITY);
    if (known !== undefined && known.key !== null && ageMs <= KEY_FRESH_MS) return known.key;
    try {
      return (await this.read([keyId])).get(keyId) ?? null;
    } catch (cause) {
      if (known !== undefined && ageMs <= KEY_STALE_AFTER_MS) return known.key;
      throw new TokenKeysUnavailable('API keys cannot be read', { cause });
    }
  }

  private async read(keyIds: readonly string[]): Promise<Map<string, StoredApiKey>> {
    // When it was asked, not when it answered.
    const readAtMs = this.deps.time.elapsedMs();
    const found = new Map((await this.deps.store.find(keyIds)).map((key) => [key.keyId, key]));
    for (const keyId of keyIds) {
      const key = found.get(keyId) ?? null;
      // A made-up key takes no memory from those that exist.
      if (key !== null || this.held.has(keyId)) this.held.set(keyId, { key, readAtMs });
    }
    return found;
  }

  private async follow(): Promise<void> {
    const { time, logger } = this.deps;
    const { signal } = this.life;
    while (!signal.aborted) {
      const keyIds = [...this.asked];
      this.asked.clear();
      try {
        for (let from = 0; from < keyIds.length; from += READ_AT_ONCE_MAX) {
          const some = keyIds.slice(from, from + READ_AT_ONCE_MAX);
          const readAtMs = time.elapsedMs();
          const found = await this.read(some);
          for (const keyId of some) if (!found.has(keyId)) this.held.set(keyId, { key: null, readAtMs });
        }
      } catch (error) {
        logger.warn('API keys of connections not read', { error });
      }
      await time.pause(FOLLOW_EVERY_MS, signal);
    }
  }
}

/** Accepts API keys beside the tokens of another verifier. */
export class ApiKeyVerifier implements TokenVerifier {
  constructor(
    private readonly keys: ApiKeyList,
    private readonly others: TokenVerifier,
  ) {}

  verify(token: string, options: TokenVerifierOptions): Promise<TokenVerification> {
    return ApiKeyList.isApiKey(token) ? this.keys.verify(token, options) : this.others.verify(token, options);
  }
}
