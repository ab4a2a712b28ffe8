/**
 * The role `relay`: shares the cursors of all log consumers with the other relays, and follows the log for each cursor
 * that it owns. It never touches what the publisher of a partition uses.
 */

import type { LogConsumer } from '../ports/log-consumer.js';
import type { CursorState, HeldCursor } from '../ports/store/log/event-cursors.js';
import { AudienceThen, type AudienceThenDeps } from './audience-then.js';
import { Follower, type FollowerDeps, IMPORTED_CHATS } from './follower.js';

/** How often a relay renews its leases and looks for cursors to take or to release. */
export const TEND_INTERVAL_MS = 1_000;
/** A lease that is not renewed for this long ends, by the database's clock. */
export const LEASE_MS = 5_000;
/** How often the lag is read for the metrics. */
export const LAG_INTERVAL_MS = 5_000;

export interface RelayDeps extends Omit<FollowerDeps, 'isLeaseValid' | 'audiences'> {
  relayId: string;
  audience: AudienceThenDeps;
  consumers: readonly LogConsumer[];
}

export interface RelayStatus {
  /** When the cursors were last tended. Null before the first time. */
  tendedAt: Date | null;
  /** The cursors that this relay follows, with the lag as of the last reading. */
  owned: CursorState[];
  /** The number of cursors that this relay follows. */
  followed: number;
  /** Why consumers are not served: one line each. */
  troubles: string[];
}

export class Relay {
  private readonly life = new AbortController();
  private readonly followers = new Map<string, Follower>();
  /** Followers without a cursor whose last delivery has not ended yet. */
  private readonly leaving = new Set<Promise<void>>();
  private running: Promise<void> = Promise.resolve();
  private tendedAt: Date | null = null;
  /** Monotonic time until which the leases are certainly valid. */
  private leasedUntilMs = Number.NEGATIVE_INFINITY;
  private states: CursorState[] = [];
  private lagReadAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly deps: RelayDeps) {}

  get status(): RelayStatus {
    const owned = this.states.filter((state) => this.followers.has(keyOf(state)));
    const troubles = [...this.followers.values()].flatMap(({ cursor: { name, partition }, trouble }) =>
      trouble === null ? [] : [`${name} in partition ${partition}: ${trouble}`],
    );
    return { tendedAt: this.tendedAt, owned, followed: this.followers.size, troubles };
  }

  start(): void {
    this.running = this.run();
  }

  /** Deliveries under way are finished or aborted; then the cursors are free for other relays. */
  async stop(): Promise<void> {
    const { consumers, cursors, relayId, logger } = this.deps;
    this.life.abort();
    await this.running;
    await Promise.all([...this.leaving, ...[...this.followers.values()].map((follower) => follower.stop())]);
    this.followers.clear();
    for (const consumer of consumers)
      await consumer.close().catch((error: Error) => {
        logger.warn('log consumer not closed', { consumer: consumer.name, error });
      });
    // If the database is away, the leases end by themselves.
    await cursors.leave(relayId).catch((error: Error) => {
      logger.warn('cursors not released', { error });
    });
  }

  private async run(): Promise<void> {
    const { time, logger } = this.deps;
    const { signal } = this.life;
    let isCreated = false;
    let hasFailed = false;
    while (!signal.aborted) {
      try {
        if (!isCreated) await this.createCursors();
        isCreated = true;
        await this.tend();
        await this.readLag();
        hasFailed = false;
      } catch (error) {
        if (!hasFailed) logger.warn('cursors not tended', { error });
        hasFailed = true;
      }
      await time.pause(TEND_INTERVAL_MS, signal);
    }
  }

  private async createCursors(): Promise<void> {
    for (const { name, start, imports } of this.deps.consumers)
      await this.deps.cursors.create(name, start, imports === 'include');
  }

  private async tend(): Promise<void> {
    const { cursors, consumers, relayId, time } = this.deps;
    const askedAtMs = time.elapsedMs();
    const held = await cursors.tend(
      relayId,
      consumers.map(({ name }) => name),
      LEASE_MS,
    );
    this.leasedUntilMs = askedAtMs + LEASE_MS;
    this.tendedAt = time.now();
    const epochs = new Map(held.map((cursor) => [keyOf(cursor), cursor.epoch]));
    for (const [key, follower] of this.followers) {
      if (epochs.get(key) === follower.cursor.epoch && !follower.isLost) continue;
      this.followers.delete(key);
      // Not awaited: a sink that hangs must not delay the leases of the other cursors. The epoch keeps it harmless.
      const left: Promise<void> = follower.stop().finally(() => this.leaving.delete(left));
      this.leaving.add(left);
    }
    for (const cursor of held) this.follow(cursor);
  }

  private follow(held: HeldCursor): void {
    const { consumers, observer, logger } = this.deps;
    const key = keyOf(held);
    let follower = this.followers.get(key);
    if (follower === undefined) {
      const consumer = consumers.find(({ name }) => name === held.name);
      // The cursor of a consumer that once got imported chats and does not any more.
      if (consumer === undefined || (held.partition === IMPORTED_CHATS && consumer.imports === 'exclude')) return;
      const { name, partition, epoch, position } = held;
      follower = new Follower(consumer, { name, partition, epoch }, position, {
        ...this.deps,
        // One each: what it caches moves forward with one log.
        audiences: new AudienceThen(this.deps.audience),
        isLeaseValid: () => this.deps.time.elapsedMs() < this.leasedUntilMs,
      });
      this.followers.set(key, follower);
      observer.tookOver(name);
      logger.info('cursor taken', { name, partition, epoch, position });
    }
    follower.hasRetries ||= held.hasRetries;
  }

  private async readLag(): Promise<void> {
    const now = this.deps.time.elapsedMs();
    if (now - this.lagReadAtMs < LAG_INTERVAL_MS) return;
    this.states = await this.deps.cursors.states();
    this.lagReadAtMs = now;
  }
}

function keyOf({ name, partition }: { name: string; partition: number }): string {
  return `${name} ${partition}`;
}
