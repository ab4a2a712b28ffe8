/** Proofs of actors as a batch may wait for them: while the keys to judge by cannot be had, for a bounded time. */
import {
  ProofUnavailable,
  type TokenVerification,
  type TokenVerifier,
  type TokenVerifierOptions,
} from '../ports/token-verifier.js';
import type { Time } from '../runtime/time.js';

/** Between two tries. The keys themselves are fetched less often. */
const TRY_AGAIN_MS = 200;
/** Left to a try although the keys have been away for longer than commands wait: the one that finds them again takes a moment. */
const TRY_MS = 1_000;
const KEYS_AWAY = { ok: false, reason: 'the token could not be checked for want of keys: try again later' } as const;

/**
 * Never rejects with `ProofUnavailable`: a token that cannot be checked in time does not prove its actor. The command is answered `unauthenticated`,
 * which is not stored, so that the same command may succeed later. Once the keys have been away for that long, later commands no longer wait, so
 * that their partition does not fall behind.
 */
export class RetryingTokenVerifier implements TokenVerifier {
  private away: { since: number; last: number } | null = null;

  /** @param waitMs `JWKS_WAIT` */
  constructor(
    private readonly proof: TokenVerifier,
    private readonly waitMs: number,
    private readonly time: Pick<Time, 'elapsedMs' | 'pause'>,
  ) {}

  async verify(token: string, options: TokenVerifierOptions): Promise<TokenVerification> {
    const { time, waitMs } = this;
    const began = time.elapsedMs();
    // Nobody has asked since: that they were away then says nothing of now.
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

  /** Null: not within that time. */
  private async tried(
    token: string,
    options: TokenVerifierOptions,
    withinMs: number,
  ): Promise<TokenVerification | null> {
    const deadline = new AbortController();
    const late = this.time.pause(withinMs, deadline.signal).then(() => null);
    try {
      return await Promise.race([this.proof.verify(token, options), late]);
    } catch (error) {
      if (!(error instanceof ProofUnavailable)) throw error;
      return null;
    } finally {
      deadline.abort();
    }
  }
}
