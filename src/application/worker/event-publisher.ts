/**
 * Publishes one partition's log, in order, with confirms: the outbox's way out.
 *
 * `append` is called after each commit; what it brings is published from memory. Memory is a bounded cache over the log: past its
 * bound, after a failure, and after a take-over, events are read by position. `publishedThrough` is the contiguous
 * confirmed prefix. A refusal, a return or a lost channel stops the flow; once everything under way has settled it starts again behind that
 * prefix, so that the first copies stay in order and repeats come late.
 */

import type { EventLog, LoggedEvent } from '../ports/event-log.js';
import type { EventChannel, EventSink, PublishOutcome } from '../ports/transport.js';
import type { WorkerLog, WorkerObserver } from '../ports/worker-observer.js';
import { encodeEvent, type RenderContext } from '../render-event.js';
import type { Time } from '../time.js';
import { Backoff } from './backoff.js';
import { PublishTimes } from './publish-times.js';
import { RecipientsCache } from './recipients-cache.js';
import type { StepListener } from './steps.js';
import { WakeUp } from './wake-up.js';

/** At most this many events of a partition wait for their confirm. */
export const PUBLISH_WINDOW = 1024;
/**
 * After a refusal the window is one, and grows by one with so many confirms: a queue that was full frees itself in the middle of what is under
 * way, and would take later events before those it had just refused. (RabbitMQ takes again once a fifth is free: never within a window
 * that has grown no faster than this.)
 */
export const CONFIRMS_PER_SLOT = 16;
/** At most this many committed events of a partition are kept for publishing; beyond, the log is read. */
export const MEMORY_EVENTS_MAX = 4096;
/** Events rendered at a time: bounds how long one turn of the event loop takes. */
export const RENDER_CHUNK = 128;

export interface PublisherDeps {
  log: EventLog;
  sink: EventSink;
  observer: WorkerObserver;
  logger: WorkerLog;
  render: RenderContext;
  time: Time;
  steps?: StepListener | undefined;
}

interface InFlight {
  position: number;
  /** When it was committed. */
  at: Date;
  confirmed: boolean;
}

export class EventPublisher {
  private committed: number;
  private sent: number;
  private confirmedThrough: number;
  private memory: LoggedEvent[] = [];
  private inFlight: InFlight[] = [];
  /** When the oldest unpublished event was committed, as far as that is known while nothing is under way. */
  private oldestAt = new Date();
  private unsettled = 0;
  private window = PUBLISH_WINDOW;
  /** Why nothing is sent for now; null while trying, the first time or again. */
  private failure: PublishOutcome | 'unavailable' | null = null;
  /** The last failure, until a confirm shows that it has passed: a try is no success yet. */
  private lastFailure: PublishOutcome | 'unavailable' | null = null;
  private channel: EventChannel | null = null;
  /** Messages deleted since the events in hand were taken. */
  private deletedMeanwhile = new Set<string>();
  private readonly recipients: RecipientsCache;
  private readonly times: PublishTimes;
  private readonly wakeUp = new WakeUp();
  private readonly backoff: Backoff;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private readonly waiters: { position: number; resolve: () => void }[] = [];

  constructor(
    private readonly partition: number,
    private readonly deps: PublisherDeps,
    from: { position: number; publishedThrough: number },
  ) {
    this.committed = from.position;
    this.sent = from.publishedThrough;
    this.confirmedThrough = from.publishedThrough;
    this.recipients = new RecipientsCache(deps.log, deps.render.recipientsMax);
    this.times = new PublishTimes(deps.time, (milliseconds) => deps.observer.stageTook('publish', milliseconds));
    this.backoff = new Backoff(deps.time);
    this.running = this.run();
  }

  /** Everything up to here is published and confirmed. */
  get publishedThrough(): number {
    return this.confirmedThrough;
  }

  /** How many committed events are not confirmed yet. */
  get unpublished(): number {
    return this.committed - this.confirmedThrough;
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
    this.forgetErased(events);
    if (this.unpublished === 0) this.oldestAt = first.at;
    // What nobody takes is read from the log once somebody does: keeping it would only fill the memory, in each partition.
    const room = this.lastFailure === null && this.memory.length + events.length <= MEMORY_EVENTS_MAX;
    // Contiguous in itself is enough: what lies before it is read from the log.
    const follows = (this.memory.at(-1)?.position ?? this.committed) === this.committed;
    if (room && follows) {
      for (const event of events) this.memory.push(event);
      this.times.expect(first.position, last.position);
    }
    this.committed = last.position;
    this.wakeUp.wake();
  }

  /** What waits here with a text that has just been deleted goes out without it, as the log has it. */
  private forgetErased(events: readonly LoggedEvent[]): void {
    const deleted = events.flatMap(({ event }) => (event.type === 'message.deleted' ? [event.messageId] : []));
    if (deleted.length === 0) return;
    for (const messageId of deleted) this.deletedMeanwhile.add(messageId);
    // The log tells what is left of it: from the first of these on it is read there.
    this.memory = beforeTextsOf(this.memory, new Set(deleted));
  }

  /** Resolves when everything committed so far is confirmed, or publishing has stopped. */
  drained(): Promise<void> {
    if (this.unpublished === 0 || this.stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ position: this.committed, resolve }));
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
      this.deps.logger.warn('events not taken', { partition, outcome: this.failure, unpublished: this.unpublished });
      if (this.failure === 'lost') await this.dropChannel();
      await this.backoff.wait(this.stopping.signal);
      this.goBack();
      return;
    }
    if (this.sent >= this.committed || this.room() < 1) return this.wakeUp.wait();
    const channel = this.channel ?? (await this.untilOpen());
    if (channel === null) return;
    this.channel = channel;
    this.deletedMeanwhile.clear();
    const taken = await this.next();
    const recipients = await this.recipients.lookUp(taken);
    this.times.handedOver(taken.at(-1)?.position ?? this.sent);
    for (const event of beforeTextsOf(taken, this.deletedMeanwhile)) {
      if (this.failure !== null) return;
      const whom = event.chatId === null ? null : (recipients.get(event.chatId) ?? null);
      const outgoing = encodeEvent(event, whom, this.deps.render);
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
    this.memory = [];
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

  /** The next events beyond `sent`: from memory where it begins there, else from the log. */
  private async next(): Promise<LoggedEvent[]> {
    const limit = Math.min(RENDER_CHUNK, this.room());
    let stale = 0;
    while (stale < this.memory.length && (this.memory[stale] as LoggedEvent).position <= this.sent) stale += 1;
    if (stale > 0) this.memory.splice(0, stale);
    if (this.memory[0]?.position === this.sent + 1) return this.memory.splice(0, limit);
    const events = await this.deps.log.readEvents(this.partition, this.sent, limit);
    // What is committed is there: an empty or broken answer would silently skip events.
    events.forEach((event, index) => {
      if (event.position !== this.sent + 1 + index)
        throw new Error(`the log of partition ${this.partition} has no position ${this.sent + 1 + index}`);
    });
    if (events.length === 0) throw new Error(`the log of partition ${this.partition} ends before ${this.committed}`);
    return events;
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
          this.window = Math.min(PUBLISH_WINDOW, this.window + settled / CONFIRMS_PER_SLOT);
        }
        this.resolveWaiters();
      }
    } else {
      this.fail(this.failure ?? outcome);
      if (outcome !== 'lost') this.window = 1;
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

/** The events up to the first that has a text of one of the messages. */
function beforeTextsOf(events: LoggedEvent[], messageIds: ReadonlySet<string>): LoggedEvent[] {
  if (messageIds.size === 0) return events;
  const first = events.findIndex(
    ({ event }) =>
      (event.type === 'message.created' || event.type === 'message.edited') && messageIds.has(event.message.messageId),
  );
  return first === -1 ? events : events.slice(0, first);
}
