/**
 * Follows the log of one partition for one consumer, for as long as this relay owns the cursor:
 *
 * 1. read the events after the cursor, and check that none is missing
 * 2. deliver them
 * 3. move the cursor; or park the event that failed by itself, and move the cursor past it
 *
 * Whatever fails otherwise is repeated from 1, with backoff, for ever.
 */
import { renderEvent } from '../outbox/render-event.js';
import type { DeliveredEvent, LogConsumer } from '../ports/log-consumer.js';
import type { EventCursors, OwnedCursor, ParkedPlace } from '../ports/store/event-cursors.js';
import type { LoggedEvent } from '../ports/store/event-log.js';
import type { FollowedLog } from '../ports/store/followed-log.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import { Backoff } from '../runtime/backoff.js';
import type { Failpoints, RelayStep } from '../runtime/failpoints.js';
import type { Time } from '../runtime/time.js';
import type { AudienceThen } from './audience-then.js';
import type { RelayObserver } from './relay-observer.js';

/** Maximum number of events in one delivery, unless the consumer has its own. */
export const DELIVERY_MAX = 256;
/** Pause before the log is read again when it has no more events. It doubles up to the second value. */
export const POLL_FIRST_MS = 50;
export const POLL_MAX_MS = 1_000;
/** Maximum number of parked events that are tried again before new events are read. */
export const RETRY_MAX = 64;
/** The partition of the cursor over imported chats. */
export const IMPORTED_CHATS = -1;

const CODE = /^[a-z0-9-]{1,64}$/;
/** Stored instead of a code that is none, because that could be a quotation of the event. */
const NO_CODE = 'unnamed';

export interface FollowerDeps {
  cursors: EventCursors;
  log: FollowedLog;
  audiences: AudienceThen;
  render: { storeId: string; recipientsMax: number };
  observer: RelayObserver;
  logger: WorkerLog;
  time: Time;
  failpoints?: Failpoints | undefined;
  /** False if the lease may have ended. This only spares a zombie useless work: the epoch protects the data. */
  isLeaseValid(): boolean;
}

/**
 * How far the cursor is. `position` is stored. `sequence` is how far an imported chat is delivered that is not complete
 * yet (partition −1), else 0. It is not stored: the next owner delivers that chat from its beginning.
 */
interface Place {
  position: number;
  sequence: number;
}

/** What is delivered next. `events` is empty if all positions up to `end` are pruned. */
interface Stretch {
  events: DeliveredEvent[];
  /** The place when all of them are taken. */
  end: Place;
  /** There was nothing more when they were read. */
  isLast: boolean;
}

/** What became of a delivery: taken, refused by a sink that knows a successor, or one event failed by itself. */
type Delivered = 'taken' | 'fenced' | { failed: DeliveredEvent; code: string };

export class Follower {
  /** Why the last try failed. Null if it succeeded. */
  trouble: string | null = null;
  /** True once another relay has the cursor. */
  isLost = false;
  /** Set by the relay: there are parked events to try again. */
  hasRetries = false;
  private readonly life = new AbortController();
  private readonly backoff: Backoff;
  private readonly running: Promise<void>;
  private place: Place;
  /** The consumer knows what retention has deleted up to this position. */
  private toldThrough = 0;

  constructor(
    private readonly consumer: LogConsumer,
    readonly cursor: OwnedCursor,
    position: number,
    private readonly deps: FollowerDeps,
  ) {
    this.place = { position, sequence: 0 };
    this.backoff = new Backoff(deps.time);
    this.running = this.run();
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.life.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.life;
    const { pauseMs = 0 } = this.consumer;
    const firstPollMs = Math.max(pauseMs, POLL_FIRST_MS);
    let pollMs = firstPollMs;
    while (!signal.aborted && !this.isLost) {
      try {
        const done = this.deps.isLeaseValid() ? await this.step() : 'nothing';
        this.backoff.reset();
        this.trouble = null;
        if (done === 'nothing') {
          await this.deps.time.pause(pollMs, signal);
          pollMs = Math.min(pollMs * 2, Math.max(firstPollMs, POLL_MAX_MS));
          continue;
        }
        pollMs = firstPollMs;
        if (done === 'all' && pauseMs > 0) await this.deps.time.pause(pauseMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        const { message } = error as Error;
        if (this.trouble === null) this.deps.logger.warn('log consumer not served', { ...this.cursor, error });
        this.trouble = message;
        await this.backoff.wait(signal);
      }
    }
  }

  private get deliveryMax(): number {
    return this.consumer.deliveryMax ?? DELIVERY_MAX;
  }

  /** Returns `nothing` if there was nothing to do, `all` if everything was delivered that there was. */
  private async step(): Promise<'nothing' | 'all' | 'some'> {
    if (this.hasRetries) await this.retryParked();
    if (this.isLost) return 'nothing';
    const stretch = await (this.cursor.partition === IMPORTED_CHATS ? this.readImport() : this.readLog());
    if (stretch === null || this.life.signal.aborted) return 'nothing';
    const count = stretch.events.length;
    await this.reached('relay-read', count);
    const delivered = count === 0 ? 'taken' : await this.deliver(stretch);
    if (delivered === 'fenced') {
      this.lose('the sink knows a higher epoch');
      return 'nothing';
    }
    await this.reached('relay-delivered', count);
    if (delivered === 'taken') await this.move(stretch);
    else await this.park(delivered);
    await this.reached('relay-moved', count);
    return stretch.isLast ? 'all' : 'some';
  }

  /** The next events of the partition. Null if there are none yet. Throws if the log has a hole. */
  private async readLog(): Promise<Stretch | null> {
    const after = this.place.position;
    const { events, through, end, floor } = await this.deps.log.read(this.cursor.partition, after, this.deliveryMax);
    if (through <= after) return null;
    const hole = holeIn(events, after, through, floor);
    // Never skipped: the store may be damaged, and an operator must look at it.
    if (hole !== null) throw new Error(`the log of partition ${this.cursor.partition} has no position ${hole}`);
    await this.tellOvertaken(events, Math.min(floor, through));
    return {
      events: await this.render(events, ({ position }) => position),
      end: { position: through, sequence: 0 },
      isLast: through === end,
    };
  }

  /** The next events of imported chats. The position moves when a chat is complete. */
  private async readImport(): Promise<Stretch | null> {
    const { position, sequence } = this.place;
    const importNumber = await this.deps.log.nextImport(position);
    if (importNumber === null) return null;
    const events = await this.deps.log.readImport(importNumber, sequence, this.deliveryMax);
    const isComplete = events.length < this.deliveryMax;
    const end = isComplete
      ? { position: importNumber, sequence: 0 }
      : { position, sequence: events.at(-1)?.sequence ?? sequence };
    return { events: await this.render(events, () => importNumber), end, isLast: false };
  }

  /** Tells the consumer, once, of positions at or below the floor that are missing. */
  private async tellOvertaken(events: readonly LoggedEvent[], through: number): Promise<void> {
    const after = Math.max(this.place.position, this.toldThrough);
    if (through <= after) return;
    const present = events.filter(({ position }) => position > after && position <= through).length;
    const missing = through - after - present;
    if (missing > 0) {
      const { partition, epoch } = this.cursor;
      await this.consumer.onOvertaken({ partition, epoch, after, through, missing });
      this.deps.observer.overtaken(this.consumer.name, missing);
      this.deps.logger.warn('log consumer overtaken by retention', { ...this.cursor, after, through, missing });
    }
    this.toldThrough = through;
  }

  private async render(
    entries: readonly LoggedEvent[],
    positionOf: (entry: LoggedEvent) => number,
  ): Promise<DeliveredEvent[]> {
    const { audiences, render } = this.deps;
    if (this.consumer.content === 'entries')
      return entries.map((entry) => ({ position: positionOf(entry), entry, event: null }));
    const seenBy = await audiences.of(entries);
    return entries.map((entry, index) => ({
      position: positionOf(entry),
      entry,
      event: renderEvent(entry, seenBy[index] ?? null, render),
    }));
  }

  private async deliver({ events, end }: Stretch, isRetry = false): Promise<Delivered> {
    const { partition, epoch } = this.cursor;
    const delivery = { partition, epoch, after: this.place.position, through: end.position, isRetry, events };
    const result = await this.consumer.deliver(delivery, this.life.signal);
    if (result.outcome === 'fenced') return 'fenced';
    if (result.outcome === 'taken') {
      this.deps.observer.delivered(this.consumer.name, events.length);
      return 'taken';
    }
    const failed = events[result.index];
    if (failed === undefined) throw new Error(`no event ${result.index} was delivered to ${this.consumer.name}`);
    this.deps.observer.delivered(this.consumer.name, result.index);
    return { failed, code: CODE.test(result.code) ? result.code : NO_CODE };
  }

  private async move({ events, end }: Stretch): Promise<void> {
    const isMovedBySink = this.consumer.movesCursor && events.length > 0;
    const isWithinChat = end.position === this.place.position;
    const isMine = isMovedBySink || isWithinChat || (await this.deps.cursors.move(this.cursor, end.position));
    if (isMine) this.place = end;
    else this.lose('another relay has the cursor');
  }

  private async park({ failed, code }: { failed: DeliveredEvent; code: string }): Promise<void> {
    const { cursors, observer, logger } = this.deps;
    const sequence = this.cursor.partition === IMPORTED_CHATS ? (failed.entry.sequence ?? 0) : 0;
    const parked: ParkedPlace = { position: failed.position, sequence };
    // Within an imported chat the stored position stays, and the rest of the chat follows.
    const position = sequence === 0 ? failed.position : this.place.position;
    if (!(await cursors.park(this.cursor, parked, code, position))) {
      this.lose('another relay has the cursor');
      return;
    }
    this.place = { position, sequence };
    observer.parked(this.consumer.name);
    logger.warn('event parked', { ...this.cursor, ...parked, code });
  }

  private async retryParked(): Promise<void> {
    const { cursors } = this.deps;
    const places = await cursors.retries(this.cursor, RETRY_MAX);
    for (const place of places) {
      if (this.life.signal.aborted) return;
      const events = await this.findParked(place);
      const here = { position: this.place.position, sequence: 0 };
      const delivered = events.length === 0 ? 'taken' : await this.deliver({ events, end: here, isLast: false }, true);
      if (delivered === 'fenced') return this.lose('the sink knows a higher epoch');
      const failedWith = delivered === 'taken' ? null : delivered.code;
      if (!(await cursors.settleRetry(this.cursor, place, failedWith)))
        return this.lose('another relay has the cursor');
    }
    this.hasRetries = places.length === RETRY_MAX;
  }

  /** Reads the event again, as it is now. None if it was pruned. */
  private async findParked({ position, sequence }: ParkedPlace): Promise<DeliveredEvent[]> {
    const { log } = this.deps;
    const { partition } = this.cursor;
    const found =
      partition === IMPORTED_CHATS
        ? (await log.readImport(position, sequence - 1, 1)).filter((event) => event.sequence === sequence)
        : (await log.read(partition, position - 1, 1)).events.filter((event) => event.position === position);
    return this.render(found, () => position);
  }

  private lose(why: string): void {
    this.isLost = true;
    this.deps.logger.info('cursor lost', { ...this.cursor, why });
  }

  private async reached(step: RelayStep, count: number): Promise<void> {
    await this.deps.failpoints?.relayReached?.(step, { partition: this.cursor.partition, count });
  }
}

/** The first position above the floor that is not among the events. Null if none is missing. */
function holeIn(events: readonly LoggedEvent[], after: number, through: number, floor: number): number | null {
  let expected = Math.max(after, floor) + 1;
  for (const { position } of events) {
    if (position > expected) return expected;
    if (position === expected) expected += 1;
  }
  return expected <= through ? expected : null;
}
