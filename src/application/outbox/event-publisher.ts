/**
 * Publishes one partition's log, in order, with confirms: the outbox's way out.
 *
 * `append` is called after each commit; what it brings is published from memory, as far as that holds it (outbox-buffer.ts). `publishedThrough` is the
 * contiguous confirmed prefix. A refusal, a return or a lost channel stops the flow; once everything under way has settled it starts again behind that
 * prefix, so that the first copies stay in order and repeats come late.
 */

import { AudienceReader } from '../policy/chat-audience.js';
import type { EventLog, LoggedEvent } from '../ports/event-log.js';
import type { PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { EventChannel, EventSink, PublishOutcome } from '../ports/transport.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import { Backoff } from '../runtime/backoff.js';
import type { Failpoints } from '../runtime/failpoints.js';
import { Signal } from '../runtime/signal.js';
import type { Time } from '../runtime/time.js';
import { OutboxBuffer } from './outbox-buffer.js';
import { PublishLatency } from './publish-latency.js';
import { RecipientsCache } from './recipients-cache.js';
import { encodeEvent, type RenderContext } from './render-event.js';

/** At most this many events of a partition wait for their confirm. */
export const PUBLISH_WINDOW = 1024;
/**
 * After a refusal the window is one, and grows by one with so many confirms: a queue that was full frees itself in the middle of what is under
 * way, and would take later events before those it had just refused.
 */
export const CONFIRMS_PER_SLOT = 4;
/**
 * … and up to here only, until everything that waited is sent. RabbitMQ takes again once a fifth of a full queue is free: what all partitions of
 * a worker have under way should be less than that, and who is behind publishes as fast as the dispatch workers take.
 */
export const WINDOW_BEHIND = 64;
/** Events rendered at a time: bounds how long one turn of the event loop takes. */
export const RENDER_CHUNK = 128;

export interface PublisherDeps {
  log: EventLog;
  sink: EventSink;
  /** Decides who of a chat's members may view it. */
  policy: PolicyDecisionPoint;
  observer: WorkerObserver;
  logger: WorkerLog;
  render: RenderContext;
  time: Time;
  steps?: Failpoints | undefined;
}

interface InFlight {
  position: number;
  /** When it was committed. */
  at: Date;
  confirmed: boolean;
}

export class EventPublisher {
  private readonly tail: OutboxBuffer;
  private sent: number;
  private confirmedThrough: number;
  private inFlight: InFlight[] = [];
  /** When the oldest unpublished event was committed, as far as that is known while nothing is under way. */
  private oldestAt = new Date();
  private unsettled = 0;
  private window = PUBLISH_WINDOW;
  private windowMax = PUBLISH_WINDOW;
  /** Why nothing is sent for now; null while trying, the first time or again. */
  private failure: PublishOutcome | 'unavailable' | null = null;
  /** The last failure, until a confirm shows that it has passed: a try is no success yet. */
  private lastFailure: PublishOutcome | 'unavailable' | null = null;
  private channel: EventChannel | null = null;
  private readonly recipients: RecipientsCache;
  private readonly times: PublishLatency;
  private readonly wakeUp = new Signal();
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private readonly waiters: { position: number; resolve: () => void }[] = [];

  constructor(
    private readonly partition: number,
    private readonly deps: PublisherDeps,
    from: { position: number; publishedThrough: number; floor?: () => number },
  ) {
    this.tail = new OutboxBuffer(partition, deps.log, from.position, from.floor);
    this.sent = from.publishedThrough;
    this.confirmedThrough = from.publishedThrough;
    this.recipients = new RecipientsCache(new AudienceReader(deps.log, deps.policy, deps.render.recipientsMax));
    this.times = new PublishLatency(deps.time, (milliseconds) => deps.observer.stageTook('publish', milliseconds));
    this.backoff = new Backoff(deps.time);
    this.running = this.run();
  }

  /** Everything up to here is published and confirmed. */
  get publishedThrough(): number {
    return this.confirmedThrough;
  }

  /** How many committed events are not confirmed yet. */
  get unpublished(): number {
    return this.tail.end - this.confirmedThrough;
  }

  /** When the oldest of the unpublished events was committed; null: there are none. Of a log taken over: when that was, at first. */
  get waitingSince(): Date | null {
    return this.unpublished === 0 ? null : (this.inFlight[0]?.at ?? this.oldestAt);
  }

  /** What stands in the way of publishing, if anything does. */
  get obstacle(): string | null {
    return this.lastFailure;
  }

  /** Takes committed events: contiguous, from the last committed position on. */
  append(events: readonly LoggedEvent[]): void {
    const [first] = events;
    const last = events.at(-1);
    if (first === undefined || last === undefined) return;
    this.recipients.noteCommitted(events);
    if (this.unpublished === 0) this.oldestAt = first.at;
    if (this.tail.append(events, this.lastFailure === null)) this.times.expect(first.position, last.position);
    this.wakeUp.wake();
  }

  /** Events of these chats may soon be appended: whom they are for is read meanwhile, unless nothing goes out anyway. */
  expect(chatIds: readonly string[]): void {
    if (this.lastFailure !== null || this.stopping.signal.aborted) return;
    void this.recipients
      .readAhead(chatIds)
      .catch((error: unknown) => this.deps.logger.debug('recipients not read ahead', { error }));
  }

  /** Resolves when everything committed so far is confirmed, or publishing has stopped. */
  drained(): Promise<void> {
    if (this.unpublished === 0 || this.stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ position: this.tail.end, resolve }));
  }

  /** Stops publishing; what is not confirmed stays in the log for the next owner. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.wakeUp.wake();
    for (const { resolve } of this.waiters.splice(0)) resolve();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.step();
      } catch (error) {
        // No connection, or the log cannot be read: both come back by themselves, and the events stay in the log meanwhile.
        if (signal.aborted) break;
        this.fail('unavailable');
        this.deps.logger.warn('publishing waits', { partition: this.partition, error });
        await this.backoff.wait(signal);
        if (this.unsettled === 0) this.goBack();
      }
    }
    await this.channel?.close().catch((error: unknown) => this.deps.logger.debug('channel was gone', { error }));
  }

  private async step(): Promise<void> {
    if (this.failure !== null) {
      if (this.unsettled > 0) return this.wakeUp.wait();
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
    if (this.sent >= this.tail.end) this.windowMax = PUBLISH_WINDOW;
    if (this.sent >= this.tail.end || this.room() < 1) return this.wakeUp.wait();
    const channel = this.channel ?? (await this.untilOpen());
    if (channel === null) return;
    this.channel = channel;
    const window = Math.floor(this.window);
    const taken = await this.tail.take(this.sent, Math.min(RENDER_CHUNK, this.room()), window);
    const audiences = await this.recipients.lookUp(taken);
    this.times.handedOver(taken.at(-1)?.position ?? this.sent);
    for (const event of this.tail.asTheyAre(taken)) {
      if (this.failure !== null) return;
      const audience = event.chatId === null ? null : (audiences.get(event.chatId) ?? null);
      const outgoing = encodeEvent(event, audience, this.deps.render);
      const entry: InFlight = { position: event.position, at: event.at, confirmed: false };
      this.inFlight.push(entry);
      this.unsettled += 1;
      this.sent = event.position;
      channel.publish(outgoing, (outcome) => this.settle(entry, outcome));
    }
    const { steps } = this.deps;
    if (steps !== undefined) {
      const at = { partition: this.partition, count: taken.length, published: () => this.drained() };
      await steps.reached('published', at);
    }
    await this.untilWritable(channel);
  }

  /** A channel, or null if the stop came first: a broker that is blocked does not answer, and must not hold it up. */
  private async untilOpen(): Promise<EventChannel | null> {
    let opened: EventChannel | undefined;
    let failed: { error: unknown } | undefined;
    void this.deps.sink
      .openChannel()
      .then(
        (channel) => {
          opened = channel;
          // Nobody waits for it any more.
          if (this.stopping.signal.aborted)
            void channel.close().catch((error: unknown) => this.deps.logger.debug('channel was gone', { error }));
        },
        (error: unknown) => {
          failed = { error };
        },
      )
      .finally(() => this.wakeUp.wake());
    while (opened === undefined && failed === undefined && !this.stopping.signal.aborted) await this.wakeUp.wait();
    if (failed !== undefined) throw failed.error;
    return opened ?? null;
  }

  /** … or until the stop, likewise. */
  private async untilWritable(channel: EventChannel): Promise<void> {
    let isWritable = false;
    // Not raced against a promise of the stop: each race would leave something behind there for as long as we publish.
    void channel.writable().then(() => {
      isWritable = true;
      this.wakeUp.wake();
    });
    while (!isWritable && !this.stopping.signal.aborted) await this.wakeUp.wait();
  }

  private room(): number {
    return Math.floor(this.window) - this.inFlight.length;
  }

  private fail(why: PublishOutcome | 'unavailable'): void {
    this.failure = why;
    this.lastFailure = why;
    this.tail.forget();
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
    await channel?.close().catch((error: unknown) => this.deps.logger.debug('channel was gone', { error }));
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
        this.times.confirmed(this.confirmedThrough);
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
    this.wakeUp.wake();
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
