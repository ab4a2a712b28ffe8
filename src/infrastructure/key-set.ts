/**
 * A published key set (JWKS, RFC 7517) that is fetched when it is needed, kept for a while, and asked for again no more often than is fair to its
 * publisher, whatever is wrong with it or with the tokens.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';

export const KEY_SET_FETCH_TIMEOUT_MS = 5_000;
/** A fetched key set serves this long; so long does a withdrawn key stay good. */
export const KEY_SET_MAX_AGE_MS = 10 * 60_000;
/** An unknown key id makes us fetch anew, at most this often, however many ids there are. */
export const KEY_SET_COOLDOWN_MS = 30_000;
/** A token that names an unknown key waits no longer than this for a newer set. */
export const KEY_SET_REFRESH_WAIT_MS = 1_000;
/** After a fetch that failed the next one waits, each time twice as long up to a limit, and up to half of it less by chance. */
export const KEY_SET_RETRY_FIRST_MS = 500;
export const KEY_SET_RETRY_MAX_MS = 10_000;
/** A larger answer is no key set of ours. */
export const KEY_SET_MAX_BYTES = 256 * 1024;

/** The key set cannot be fetched or read, and none that is fresh enough is at hand. */
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
  /** Told of each fetch that failed, and of the first that succeeds after one. */
  onFetched?: ((failure: Error | null) => void) | undefined;
}

type Keys = ReturnType<typeof createLocalJWKSet>;

export class KeySet {
  private keys: Keys | null = null;
  private readonly url: URL;
  private readonly maxAgeMs: number;
  private readonly cooldownMs: number;
  /** In milliseconds that only ever grow. */
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
   * The key that a token names. Rejects with `KeysUnavailable` while there is no set to look in, with jose's own error where the set has no such key
   * or more than one, and with anything at all where the key cannot be used.
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.keys === null || performance.now() >= this.freshUntil) await this.fetch();
    const keys = this.keys as Keys;
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || performance.now() < this.fetchedAt + this.cooldownMs)
        throw error;
      // The set at hand is fresh enough to say that it has no such key, should a newer one not be had.
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

  /** One at a time, and none for a while after one that failed. */
  private fetch(): Promise<void> {
    const { failure } = this;
    if (this.fetching === null && failure !== null && performance.now() < failure.retryAt)
      return Promise.reject(new KeysUnavailable('the key set cannot be had', { cause: failure.cause }));
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
      throw new KeysUnavailable('the key set cannot be had', { cause });
    }
    this.fetchedAt = performance.now();
    this.freshUntil = this.fetchedAt + this.maxAgeMs;
    if (this.failure !== null) this.options.onFetched?.(null);
    this.failure = null;
  }
}

/** Rejects if it takes too long, is too large, or is no key set; what its keys are like is found out when one is used. */
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
  if (!Array.isArray(keys)) throw new Error('the key set is none');
  // One that is no key at all must not keep the others from being used.
  return { keys: keys.filter((key) => typeof key === 'object' && key !== null && !Array.isArray(key)) };
}
