/**
 * Publishes the events of one partition in log order, with publisher confirms.
 *
 * The worker calls `append` after each commit. Events are published from memory while the buffer holds them
 * (outbox-buffer.ts). `publishedThrough` is the end of the contiguous confirmed prefix. A refusal, a return or a lost
 * channel stops publishing. When all events in flight have settled, publishing restarts right behind the confirmed
 * prefix. So the first copies stay in order, and repeats come later.
 */

import { AudienceReader } from '../policy/chat-audience.js';
import type { PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { EventLog, LoggedEvent } from '../ports/store/log/event-log.js';
import type { EventChannel, EventSink, PublishOutcome } from '../ports/transport/transport.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import { Backoff } from '../runtime/backoff.js';
import type { Failpoints } from '../runtime/failpoints.js';
import { Signal } from '../runtime/signal.js';
import type { Time } from '../runtime/time.js';
import type { LiveCopies } from './live-copies.js';
import { OutboxBuffer } from './outbox-buffer.js';
import { PublishLatency } from './publish-latency.js';
import { RecipientsCache } from './recipients-cache.js';
import { encodeEvent, type RenderContext } from './render-event.js';

/** Maximum number of events of a partition that wait for their confirm. */
export const PUBLISH_WINDOW = 1024;
/**
 * After a refusal the window is one. It grows by one for this many confirms. A full queue frees space while events are
 * in flight, and would then accept later events before the ones that it has refused.
 */
export const CONFIRMS_PER_SLOT = 4;
/**
 * Maximum window after a refusal, until the backlog is sent. RabbitMQ accepts messages again when a fifth of a full
 * queue is free. The events in flight of all partitions of a worker should be fewer than that. With a backlog, the
 * worker publishes as fast as the dispatch workers consume.
 */
export const WINDOW_BEHIND = 64;
/** Number of events rendered at a time. It bounds the duration of one turn of the event loop. */
export const RENDER_CHUNK = 128;

export interface PublisherDeps {
  log: EventLog;
  sink: EventSink;
  /** Gets a copy of each event when it is first handed to the sink. Absent: no copies. */
  live?: LiveCopies | undefined;
  /** Decides which members of a chat may view it. */
  policy: PolicyDecisionPoint;
  observer: WorkerObserver;
  logger: WorkerLog;
  render: RenderContext;
  time: Time;
  steps?: Failpoints | undefined;
}

interface InFlight {
  position: number;
  /** The time of its commit. */
  at: Date;
  confirmed: boolean;
}

export class EventPublisher {
  private readonly buffer: OutboxBuffer;
  private sent: number;
  private confirmedThrough: number;
  /** The last position that was handed to a channel. It does not go back for a retry, so a retry makes no copies. */
  private handedThrough: number;
  private inFlight: InFlight[] = [];
  /** The commit time of the oldest unpublished event, as far as it is known while no event is in flight. */
  private oldestAt = new Date();
  private unsettled = 0;
  private window = PUBLISH_WINDOW;
  private windowMax = PUBLISH_WINDOW;
  /** Why no events are sent now. Null while sending or retrying. */
  private failure: PublishOutcome | 'unavailable' | null = null;
  /** The last failure, until a confirm shows that it has passed. A retry alone does not clear it. */
  private lastFailure: PublishOutcome | 'unavailable' | null = null;
  private channel: EventChannel | null = null;
  private readonly recipients: RecipientsCache;
  private readonly latency: PublishLatency;
  private readonly changed = new Signal();
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private readonly waiters: { position: number; resolve: () => void }[] = [];

  constructor(
    private readonly partition: number,
    private readonly deps: PublisherDeps,
    from: { position: number; publishedThrough: number; floor?: () => number },
  ) {
    this.buffer = new OutboxBuffer(partition, deps.log, from.position, from.floor);
    this.sent = from.publishedThrough;
    this.confirmedThrough = from.publishedThrough;
    this.handedThrough = from.publishedThrough;
    this.recipients = new RecipientsCache(new AudienceReader(deps.log, deps.policy, deps.render.recipientsMax));
    this.latency = new PublishLatency(deps.time, (milliseconds) => deps.observer.stageTook('publish', milliseconds));
    this.backoff = new Backoff(deps.time);
    this.running = this.run();
  }

  /** Everything up to this position is published and confirmed. */
  get publishedThrough(): number {
    return this.confirmedThrough;
  }

  /** The number of committed events without a confirm. */
  get unpublished(): number {
    return this.buffer.end - this.confirmedThrough;
  }

  /**
   * The commit time of the oldest unpublished event, or null if there is none. For a log with a backlog at the start of
   * the lease it is first the time of that start.
   */
  get waitingSince(): Date | null {
    return this.unpublished === 0 ? null : (this.inFlight[0]?.at ?? this.oldestAt);
  }

  /** The failure that blocks publishing, if any. */
  get obstacle(): string | null {
    return this.lastFailure;
  }

  /** Adds committed events. They are contiguous and start after the last committed position. */
  append(events: readonly LoggedEvent[]): void {
    const [first] = events;
    const last = events.at(-1);
    if (first === undefined || last === undefined) return;
    this.recipients.noteCommitted(events);
    if (this.unpublished === 0) this.oldestAt = first.at;
    if (this.buffer.append(events, this.lastFailure === null)) this.latency.expect(first.position, last.position);
    this.changed.wake();
  }

  /**
   * Events of these chats will probably be appended soon, so their recipients are prefetched. Nothing is prefetched
   * while publishing has failed.
   */
  expect(chatIds: readonly string[]): void {
    if (this.lastFailure !== null || this.stopping.signal.aborted) return;
    void this.recipients
      .prefetch(chatIds)
      .catch((error: unknown) => this.deps.logger.debug('recipients not prefetched', { error }));
  }

  /** Resolves when all events committed so far are confirmed, or when publishing has stopped. */
  drained(): Promise<void> {
    if (this.unpublished === 0 || this.stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ position: this.buffer.end, resolve }));
  }

  /** Stops publishing. Unconfirmed events stay in the log for the next owner of the partition. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.changed.wake();
    for (const { resolve } of this.waiters.splice(0)) resolve();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.step();
      } catch (error) {
        // There is no connection, or the log cannot be read. Both recover on their own, and the events stay in the log
        // meanwhile.
        if (signal.aborted) break;
        this.fail('unavailable');
        this.deps.logger.warn('publishing paused', { partition: this.partition, error });
        await this.backoff.wait(signal);
        if (this.unsettled === 0) this.goBack();
      }
    }
    await this.channel?.close().catch((error: unknown) => this.deps.logger.debug('channel already closed', { error }));
  }

  private async step(): Promise<void> {
    if (this.failure !== null) {
      if (this.unsettled > 0) return this.changed.wait();
      const { partition } = this;
      const why = this.failure === 'refused' ? this.deps.sink.explainRefusal?.() : null;
      this.deps.logger.warn('events not taken', {
        ...{ partition, outcome: this.failure, unpublished: this.unpublished },
        ...(why == null ? {} : { why }),
      });
      if (this.failure === 'lost') await this.dropChannel();
      await this.backoff.wait(this.stopping.signal);
      this.goBack();
      return;
    }
    if (this.sent >= this.buffer.end) this.windowMax = PUBLISH_WINDOW;
    if (this.sent >= this.buffer.end || this.room() < 1) return this.changed.wait();
    const channel = this.channel ?? (await this.untilOpen());
    if (channel === null) return;
    this.channel = channel;
    const window = Math.floor(this.window);
    const taken = await this.buffer.take(this.sent, Math.min(RENDER_CHUNK, this.room()), window);
    const audiences = await this.recipients.lookUp(taken);
    this.latency.handedOver(taken.at(-1)?.position ?? this.sent);
    const firstCopies: Uint8Array[] = [];
    for (const event of this.buffer.withoutDeletedTexts(taken)) {
      if (this.failure !== null) return;
      const audience = event.chatId === null ? null : (audiences.get(event.chatId) ?? null);
      const outgoing = encodeEvent(event, audience, this.deps.render);
      const entry: InFlight = { position: event.position, at: event.at, confirmed: false };
      this.inFlight.push(entry);
      this.unsettled += 1;
      this.sent = event.position;
      channel.publish(outgoing, (outcome) => this.settle(entry, outcome));
      if (event.position <= this.handedThrough) continue;
      this.handedThrough = event.position;
      firstCopies.push(outgoing.body);
    }
    this.copy(firstCopies);
    const { steps } = this.deps;
    if (steps !== undefined) {
      const at = { partition: this.partition, count: taken.length, published: () => this.drained() };
      await steps.reached('published', at);
    }
    await this.untilWritable(channel);
  }

  /** `bodies`: the events up to `handedThrough`. The log has no gap there (outbox-buffer.ts). */
  private copy(bodies: readonly Uint8Array[]): void {
    if (bodies.length === 0) return;
    const { partition, handedThrough } = this;
    this.deps.live?.publish({ partition, position: handedThrough - bodies.length + 1, bodies });
  }

  /**
   * Opens a channel. Returns null if the publisher is stopped first: a blocked broker does not answer, and must not
   * delay the stop.
   */
  private async untilOpen(): Promise<EventChannel | null> {
    let opened: EventChannel | undefined;
    let failed: { error: unknown } | undefined;
    void this.deps.sink
      .openChannel()
      .then(
        (channel) => {
          opened = channel;
          // The publisher has stopped, so the channel is not needed any more.
          if (this.stopping.signal.aborted)
            void channel.close().catch((error: unknown) => this.deps.logger.debug('channel already closed', { error }));
        },
        (error: unknown) => {
          failed = { error };
        },
      )
      .finally(() => this.changed.wake());
    while (opened === undefined && failed === undefined && !this.stopping.signal.aborted) await this.changed.wait();
    if (failed !== undefined) throw failed.error;
    return opened ?? null;
  }

  /** Resolves when the channel is writable or the publisher is stopped. */
  private async untilWritable(channel: EventChannel): Promise<void> {
    let isWritable = false;
    // No `Promise.race` with a promise for the stop: each race would leave a reaction there for the publisher's
    // lifetime.
    void channel.writable().then(() => {
      isWritable = true;
      this.changed.wake();
    });
    while (!isWritable && !this.stopping.signal.aborted) await this.changed.wait();
  }

  private room(): number {
    return Math.floor(this.window) - this.inFlight.length;
  }

  private fail(why: PublishOutcome | 'unavailable'): void {
    this.failure = why;
    this.lastFailure = why;
    this.buffer.forget();
  }

  private goBack(): void {
    this.failure = null;
    this.oldestAt = this.inFlight[0]?.at ?? this.oldestAt;
    this.inFlight = [];
    this.sent = this.confirmedThrough;
  }

  private async dropChannel(): Promise<void> {
    const { channel } = this;
    this.channel = null;
    await channel?.close().catch((error: unknown) => this.deps.logger.debug('channel already closed', { error }));
  }

  private settle(entry: InFlight, outcome: PublishOutcome): void {
    this.unsettled -= 1;
    this.deps.observer.eventSettled(outcome);
    if (outcome === 'confirmed') {
      entry.confirmed = true;
      let settled = 0;
      while (settled < this.inFlight.length && this.inFlight[settled]?.confirmed) settled += 1;
      if (settled > 0) {
        const last = this.inFlight[settled - 1] as InFlight;
        this.confirmedThrough = last.position;
        this.oldestAt = last.at;
        this.inFlight.splice(0, settled);
        this.latency.confirmed(this.confirmedThrough);
        this.deps.steps?.reachedSync('confirmed', { partition: this.partition, count: settled });
        if (this.failure === null) {
          this.lastFailure = null;
          this.backoff.reset();
          this.window = Math.min(this.windowMax, this.window + settled / CONFIRMS_PER_SLOT);
        }
        this.resolveWaiters();
      }
    } else {
      this.fail(this.failure ?? outcome);
      if (outcome !== 'lost') {
        this.window = 1;
        this.windowMax = WINDOW_BEHIND;
      }
    }
    this.changed.wake();
  }

  private resolveWaiters(): void {
    for (let i = this.waiters.length - 1; i >= 0; i -= 1) {
      const waiter = this.waiters[i];
      if (waiter !== undefined && waiter.position <= this.confirmedThrough) {
        this.waiters.splice(i, 1);
        waiter.resolve();
      }
    }
  }
}
