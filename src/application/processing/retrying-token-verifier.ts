/** Verifies tokens and retries for a limited time while the verification keys are unavailable. */
import {
  TokenKeysUnavailable,
  type TokenVerification,
  type TokenVerifier,
  type TokenVerifierOptions,
} from '../ports/token-verifier.js';
import type { Time } from '../runtime/time.js';

/** Pause between two attempts. The keys are fetched less often than this. */
const TRY_AGAIN_MS = 200;
/**
 * Minimum time for an attempt, also when the keys have been unavailable for longer than `JWKS_WAIT`. The attempt that
 * gets the keys again needs it.
 */
const TRY_MS = 1_000;
const KEYS_AWAY = { ok: false, reason: 'the token could not be checked for want of keys: try again later' } as const;

/**
 * Never rejects with `TokenKeysUnavailable`. A token that cannot be checked in time is answered `unauthenticated`.
 * That receipt is not stored, so the same command may succeed later. When the keys have been unavailable for `waitMs`,
 * later commands do not wait, so that the partition does not fall behind.
 */
export class RetryingTokenVerifier implements TokenVerifier {
  private away: { since: number; last: number } | null = null;

  /** @param waitMs `JWKS_WAIT` in milliseconds */
  constructor(
    private readonly verifier: TokenVerifier,
    private readonly waitMs: number,
    private readonly time: Pick<Time, 'elapsedMs' | 'pause'>,
  ) {}

  async verify(token: string, options: TokenVerifierOptions): Promise<TokenVerification> {
    const { time, waitMs } = this;
    const began = time.elapsedMs();
    // The last check is too long ago: that the keys were unavailable then says nothing about now.
    if (this.away !== null && began - this.away.last > waitMs) this.away = null;
    for (;;) {
      const now = time.elapsedMs();
      const left = (this.away?.since ?? began) + waitMs - now;
      const result = await this.tried(token, options, Math.max(left, TRY_MS));
      if (result !== null) return result;
      const after = time.elapsedMs();
      this.away = { since: this.away?.since ?? began, last: after };
      if (after >= this.away.since + waitMs) return KEYS_AWAY;
      await time.pause(TRY_AGAIN_MS, new AbortController().signal);
    }
  }

  /** Null if there is no answer within the time. */
  private async tried(
    token: string,
    options: TokenVerifierOptions,
    withinMs: number,
  ): Promise<TokenVerification | null> {
    const deadline = new AbortController();
    const late = this.time.pause(withinMs, deadline.signal).then(() => null);
    try {
      return await Promise.race([this.verifier.verify(token, options), late]);
    } catch (error) {
      if (!(error instanceof TokenKeysUnavailable)) throw error;
      return null;
    } finally {
      deadline.abort();
    }
  }
}
