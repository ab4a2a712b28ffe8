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
import type { DeliveredEvent, DeliveredText, LogConsumer } from '../ports/log-consumer.js';
import type { EventCursors, OwnedCursor, ParkedPlace } from '../ports/store/log/event-cursors.js';
import type { LoggedEvent } from '../ports/store/log/event-log.js';
import { type FollowedLog, type LoggedText, type LogStretch, toLoggedText } from '../ports/store/log/followed-log.js';
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

/** What the consumer gets of an event. */
type Item = DeliveredEvent | DeliveredText;

/** What is delivered next. `events` is empty if all positions up to `end` are pruned. */
interface Stretch {
  events: Item[];
  /** The place when all of them are taken. */
  end: Place;
  /** There was nothing more when they were read. */
  isLast: boolean;
}

/** What became of a delivery: taken, refused by a sink that knows a successor, or one event failed by itself. */
type Delivered = 'taken' | 'fenced' | { failed: Item; code: string };

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
    const { events, through, end, floor } = await this.read(after, this.deliveryMax);
    if (through <= after) return null;
    const hole = holeIn(events, after, through, floor);
    // Never skipped: the store may be damaged, and an operator must look at it.
    if (hole !== null) throw new Error(`the log of partition ${this.cursor.partition} has no position ${hole}`);
    await this.tellOvertaken(events, Math.min(floor, through));
    return {
      events: await this.toItems(events),
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
    return { events: await this.importedItems(events, importNumber), end, isLast: false };
  }

  private read(after: number, limit: number): Promise<LogStretch<LoggedEvent | LoggedText>> {
    const { log } = this.deps;
    const { partition } = this.cursor;
    return this.consumer.content === 'texts'
      ? log.readTexts(partition, after, limit)
      : log.read(partition, after, limit);
  }

  /** Tells the consumer, once, of positions at or below the floor that are missing. */
  private async tellOvertaken(events: readonly { position: number }[], through: number): Promise<void> {
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

  private async importedItems(events: readonly LoggedEvent[], importNumber: number): Promise<Item[]> {
    const items = await this.toItems(this.consumer.content === 'texts' ? events.map(toLoggedText) : events);
    return items.map((item) => ({ ...item, position: importNumber }));
  }

  private async toItems(read: readonly (LoggedEvent | LoggedText)[]): Promise<Item[]> {
    const texts = read.filter((one) => 'text' in one);
    if (this.consumer.content === 'texts') return texts;
    const { audiences, render } = this.deps;
    const entries = read.filter((one) => 'event' in one);
    const seenBy = await audiences.of(entries);
    return entries.map((entry, index) => ({
      position: entry.position,
      sequence: entry.sequence,
      entry,
      event: renderEvent(entry, seenBy[index] ?? null, render),
    }));
  }

  private async deliver({ events, end }: Stretch, isRetry = false): Promise<Delivered> {
    const { partition, epoch } = this.cursor;
    const delivery = { partition, epoch, after: this.place.position, through: end.position, isRetry };
    const { consumer } = this;
    const { signal } = this.life;
    const result = await (consumer.content === 'texts'
      ? consumer.deliver({ ...delivery, events: events.filter((item) => 'text' in item) }, signal)
      : consumer.deliver({ ...delivery, events: events.filter((item) => 'event' in item) }, signal));
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

  private async park({ failed, code }: { failed: Item; code: string }): Promise<void> {
    const { cursors, observer, logger } = this.deps;
    const sequence = this.cursor.partition === IMPORTED_CHATS ? (failed.sequence ?? 0) : 0;
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
  private async findParked({ position, sequence }: ParkedPlace): Promise<Item[]> {
    if (this.cursor.partition === IMPORTED_CHATS) {
      const found = await this.deps.log.readImport(position, sequence - 1, 1);
      return this.importedItems(
        found.filter((event) => event.sequence === sequence),
        position,
      );
    }
    const { events } = await this.read(position - 1, 1);
    return this.toItems(events.filter((event) => event.position === position));
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
function holeIn(events: readonly { position: number }[], after: number, through: number, floor: number): number | null {
  let expected = Math.max(after, floor) + 1;
  for (const { position } of events) {
    if (position > expected) return expected;
    if (position === expected) expected += 1;
  }
  return expected <= through ? expected : null;
}
