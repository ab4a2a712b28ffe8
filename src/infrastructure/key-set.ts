/**
 * A published key set (JWKS, RFC 7517). It is fetched on demand and cached. The number of requests to its publisher is
 * limited, whatever is wrong with the set or with the tokens.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

export const KEY_SET_FETCH_TIMEOUT_MS = 5_000;
/** How long a fetched key set is used. A withdrawn key stays valid for that long. */
export const KEY_SET_MAX_AGE_MS = 10 * 60_000;
/** An unknown key id triggers a fetch, at most this often for any number of ids. */
export const KEY_SET_COOLDOWN_MS = 30_000;
/** Maximum time that a token with an unknown key waits for a newer set. */
export const KEY_SET_REFRESH_WAIT_MS = 1_000;
/** Pause after a failed fetch. It doubles each time up to a limit, and is reduced randomly by up to half. */
export const KEY_SET_RETRY_FIRST_MS = 500;
export const KEY_SET_RETRY_MAX_MS = 10_000;
/** Maximum size of the response. */
export const KEY_SET_MAX_BYTES = 256 * 1024;

/** The key set cannot be fetched or read, and there is no fresh one in the cache. */
export class KeysUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'KeysUnavailable';
  }
}

export interface KeySetOptions {
  url: URL;
  /** KEY_SET_MAX_AGE_MS by default. */
  maxAgeMs?: number | undefined;
  /** KEY_SET_COOLDOWN_MS by default. */
  cooldownMs?: number | undefined;
  /** Called after each failed fetch, and after the first successful one that follows. */
  onFetched?: ((failure: Error | null) => void) | undefined;
}

type Keys = ReturnType<typeof createLocalJWKSet>;

export class KeySet {
  private keys: Keys | null = null;
  private readonly url: URL;
  private readonly maxAgeMs: number;
  private readonly cooldownMs: number;
  /** In monotonic milliseconds. */
  private freshUntil = Number.NEGATIVE_INFINITY;
  private fetchedAt = Number.NEGATIVE_INFINITY;
  private fetching: Promise<void> | null = null;
  private failure: { cause: Error; retryAt: number; pauseMs: number } | null = null;

  constructor(private readonly options: KeySetOptions) {
    this.url = options.url;
    this.maxAgeMs = options.maxAgeMs ?? KEY_SET_MAX_AGE_MS;
    this.cooldownMs = options.cooldownMs ?? KEY_SET_COOLDOWN_MS;
  }

  /**
   * The key that a token names. Rejects with `KeysUnavailable` while there is no set, with jose's own error if the set
   * has no such key or more than one, and with any error if the key cannot be used.
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.keys === null || performance.now() >= this.freshUntil) await this.fetch();
    const keys = this.keys as Keys;
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || performance.now() < this.fetchedAt + this.cooldownMs)
        throw error;
      // If no newer set arrives, the current one is fresh enough to show that it has no such key.
      const deadline = new AbortController();
      const late = sleep(KEY_SET_REFRESH_WAIT_MS, false, { signal: deadline.signal }).catch(() => false);
      const newer = this.fetch().then(
        () => true,
        () => false,
      );
      const isNewer = await Promise.race([newer, late]);
      deadline.abort();
      if (!isNewer) throw error;
      return (this.keys as Keys)(header, token);
    }
  };

  /** At most one fetch at a time, and none for some time after a failure. */
  private fetch(): Promise<void> {
    const { failure } = this;
    if (this.fetching === null && failure !== null && performance.now() < failure.retryAt)
      return Promise.reject(new KeysUnavailable('the key set cannot be fetched', { cause: failure.cause }));
    this.fetching ??= this.fetchNow().finally(() => {
      this.fetching = null;
    });
    return this.fetching;
  }

  private async fetchNow(): Promise<void> {
    try {
      this.keys = createLocalJWKSet(await read(this.url));
    } catch (cause) {
      const { pauseMs: last } = this.failure ?? { pauseMs: KEY_SET_RETRY_FIRST_MS / 2 };
      const pauseMs = Math.min(2 * last, KEY_SET_RETRY_MAX_MS);
      const retryAt = performance.now() + pauseMs * (1 - Math.random() / 2);
      this.fetchedAt = performance.now();
      this.failure = { cause: cause as Error, retryAt, pauseMs };
      this.options.onFetched?.(cause as Error);
      throw new KeysUnavailable('the key set cannot be fetched', { cause });
    }
    this.fetchedAt = performance.now();
    this.freshUntil = this.fetchedAt + this.maxAgeMs;
    if (this.failure !== null) this.options.onFetched?.(null);
    this.failure = null;
  }
}

/**
 * Rejects if the response is too slow, too large, or not a key set. The keys themselves are checked when they are used.
 */
async function read(url: URL): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    redirect: 'manual',
    signal: AbortSignal.timeout(KEY_SET_FETCH_TIMEOUT_MS),
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > KEY_SET_MAX_BYTES) throw new Error(`the key set has more than ${KEY_SET_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (response.status !== 200) throw new Error(`the key set is answered with status ${response.status}`);
  const { keys } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('the response is not a key set');
  // An entry that is not a key must not make the others unusable.
  return { keys: keys.filter((key) => typeof key === 'object' && key !== null && !Array.isArray(key)) };
}
