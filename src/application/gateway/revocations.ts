/**
 * Revoked tokens (ADR 0026). Each process that verifies tokens holds the latest revocations in memory and follows the
 * store, so that no request needs a query. Where the memory cannot answer, the user's row is read by key.
 */
import { type UserKey, userKey } from '../ports/store/command-store.js';
import type { Revocation, TokenRevocations } from '../ports/store/token-revocations.js';
import {
  TokenKeysUnavailable,
  type TokenVerification,
  type TokenVerifier,
  type TokenVerifierOptions,
} from '../ports/token-verifier.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import type { Time } from '../runtime/time.js';

/** How often changes are read: a revocation takes effect within about this time. */
export const REVOCATIONS_READ_EVERY_MS = 1_000;
/** If the last successful read is longer ago, each token is checked by a read of its user's row. */
export const REVOCATIONS_STALE_AFTER_MS = 5_000;
/** How often all revocations are read anew, so that a restored store is noticed, and old ones are erased. */
export const REVOCATIONS_RELOAD_EVERY_MS = 10 * 60_000;
/** Revocations in memory, about 200 bytes each. */
export const REVOCATIONS_HELD_MAX = 100_000;
const CHANGES_READ_MAX = 1_000;
const FORGOTTEN_AT_ONCE_MAX = 10_000;
/** Revocations are kept this much longer than tokens can be old: clocks differ. */
const KEPT_MARGIN_MS = 60 * 60_000;

/** Whether a token was issued too early. Without a time of issue it is refused if there is any revocation. */
function covers(issuedBefore: Date | number | null | undefined, issuedAt: Date | null): boolean {
  if (issuedBefore === null || issuedBefore === undefined) return false;
  return issuedAt === null || issuedAt.getTime() < Number(issuedBefore);
}

export interface RevocationListDeps {
  store: TokenRevocations;
  /** `TOKEN_MAX_AGE` in milliseconds. Null: tokens can be of any age, so that all revocations are kept. */
  maxAgeMs: number | null;
  logger: WorkerLog;
  time: Time;
  /** For tests. */
  heldMax?: number;
}

export class RevocationList {
  /** By `userKey`: the time before which tokens are refused. */
  private held = new Map<string, number>();
  /** Revocations up to this time may be missing in memory. */
  private droppedThrough = Number.NEGATIVE_INFINITY;
  private through = 0;
  private readAt = Number.NEGATIVE_INFINITY;
  private reloadedAt = Number.NEGATIVE_INFINITY;
  private readonly life = new AbortController();
  private following: Promise<void> = Promise.resolve();

  constructor(private readonly deps: RevocationListDeps) {}

  get count(): number {
    return this.held.size;
  }

  /** Begins to follow the store. Until the first read has succeeded, each check reads the store. */
  start(): void {
    this.following = this.follow();
  }

  async stop(): Promise<void> {
    this.life.abort();
    await this.following;
  }

  /** As far as the memory knows. For connections that were checked when they began. */
  isKnownRevoked(user: UserKey, issuedAt: Date | null): boolean {
    return covers(this.held.get(userKey(user)), issuedAt);
  }

  /** Rejects with the store's error if only the store can answer, and it is unavailable. */
  async isRevoked(user: UserKey, issuedAt: Date | null): Promise<boolean> {
    if (this.isKnownRevoked(user, issuedAt)) return true;
    const isFresh = this.deps.time.elapsedMs() - this.readAt <= REVOCATIONS_STALE_AFTER_MS;
    const isComplete = (issuedAt?.getTime() ?? Number.NEGATIVE_INFINITY) >= this.droppedThrough;
    if (isFresh && isComplete) return false;
    return covers(await this.deps.store.of(user), issuedAt);
  }

  /** One read of the store: of what has changed, or of everything. */
  async refresh(): Promise<void> {
    const { store, time } = this.deps;
    const now = time.elapsedMs();
    if (now - this.reloadedAt >= REVOCATIONS_RELOAD_EVERY_MS) {
      await this.reload();
      this.reloadedAt = now;
    } else
      for (;;) {
        const { revocations, through } = await store.changedAfter(this.through, CHANGES_READ_MAX);
        this.through = through;
        this.take(revocations);
        if (revocations.length < CHANGES_READ_MAX) break;
      }
    // When it was asked, not when it answered.
    this.readAt = now;
  }

  private async reload(): Promise<void> {
    const { store, maxAgeMs, time } = this.deps;
    if (maxAgeMs !== null)
      await store.forget(new Date(time.now().getTime() - maxAgeMs - KEPT_MARGIN_MS), FORGOTTEN_AT_ONCE_MAX);
    // One more than are held: whether some are missing.
    const { revocations, through } = await store.latest(this.heldMax + 1);
    this.held = new Map();
    this.droppedThrough = Number.NEGATIVE_INFINITY;
    this.through = through;
    this.take(revocations);
  }

  private take(revocations: readonly Revocation[]): void {
    for (const { tenantId, userId, issuedBefore } of revocations)
      this.held.set(userKey({ tenantId, userId }), issuedBefore.getTime());
    if (this.held.size <= this.heldMax) return;
    const latest = [...this.held].sort(([, a], [, b]) => b - a);
    // Equal times may be on both sides: a token from that very time is refused by neither.
    this.droppedThrough = Math.max(this.droppedThrough, latest[this.heldMax]?.[1] ?? 0);
    this.held = new Map(latest.slice(0, this.heldMax));
  }

  private get heldMax(): number {
    return this.deps.heldMax ?? REVOCATIONS_HELD_MAX;
  }

  private async follow(): Promise<void> {
    const { time, logger } = this.deps;
    const { signal } = this.life;
    while (!signal.aborted) {
      await this.refresh().catch((error: unknown) => logger.warn('token revocations not read', { error }));
      await time.pause(REVOCATIONS_READ_EVERY_MS, signal);
    }
  }
}

/** Refuses tokens that are revoked, or older than `TOKEN_MAX_AGE`. */
export class RevocationVerifier implements TokenVerifier {
  constructor(
    private readonly verifier: TokenVerifier,
    private readonly revocations: Pick<RevocationList, 'isRevoked'>,
    private readonly maxAgeMs: number | null,
  ) {}

  async verify(token: string, options: TokenVerifierOptions): Promise<TokenVerification> {
    const result = await this.verifier.verify(token, options);
    if (!result.ok) return result;
    const { actor, issuedAt = null, expiresAt } = result;
    const { maxAgeMs } = this;
    let endsAt = expiresAt;
    if (maxAgeMs !== null) {
      if (issuedAt === null) return { ok: false, reason: 'the token lacks the claim iat, and TOKEN_MAX_AGE is set' };
      const oldAt = new Date(issuedAt.getTime() + maxAgeMs);
      if (oldAt <= (options.now ?? new Date())) return { ok: false, reason: 'the token is older than TOKEN_MAX_AGE' };
      if (endsAt === undefined || oldAt < endsAt) endsAt = oldAt;
    }
    let isRevoked: boolean;
    try {
      isRevoked = await this.revocations.isRevoked(actor, issuedAt);
    } catch (cause) {
      throw new TokenKeysUnavailable('the revocations of tokens cannot be read', { cause });
    }
    if (isRevoked) return { ok: false, reason: 'the token was revoked' };
    return { ...result, ...(endsAt === undefined ? {} : { expiresAt: endsAt }) };
  }
}
