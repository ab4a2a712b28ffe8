/**
 * The unpublished end of a partition's log: a bounded buffer in memory. Events that are not in memory are read from the
 * log by position.
 */
import { METADATA_MAX_BYTES } from '../../contract/messages/text.js';
import type { EventLog, LoggedEvent } from '../ports/store/log/event-log.js';

/** Maximum number of committed events of a partition in memory. Above this, events are read from the log. */
export const MEMORY_EVENTS_MAX = 4096;
/**
 * Maximum number of characters in memory once it holds more than `ALWAYS_ROOM_EVENTS` events. 4,096 messages at their
 * limits would have 400 million.
 */
export const MEMORY_CHARACTERS_MAX = 16 * 1024 * 1024;
const ALWAYS_ROOM_EVENTS = 128;
/** Number of publish windows that one read of the log covers. Otherwise each confirm would cost a read of its own. */
export const WINDOWS_READ = 16;
/** Maximum number of events that one read of the log covers. */
export const READ_MAX = 256;

export class OutboxBuffer {
  private memory: LoggedEvent[] = [];
  /** Events that were read from the log and are not taken yet. */
  private prefetched: LoggedEvent[] = [];
  /** Messages that were deleted since the last `take`. */
  private deletedSinceTake = new Set<string>();

  constructor(
    private readonly partition: number,
    private readonly log: Pick<EventLog, 'readEvents'>,
    /** The last position of the log. */
    private committed: number,
    /**
     * At or below this position events may be missing. A worker publishes from above the floor of its partition
     * (`PartitionState.logFloor`), and everything up to the floor is published. So a gap above it is an error.
     */
    private readonly floor: () => number = () => 0,
  ) {}

  get end(): number {
    return this.committed;
  }

  /**
   * Adds committed events. They are contiguous and start after the last committed position.
   * @param isWanted whether to keep them in memory, if there is room
   * @returns whether memory holds them
   */
  append(events: readonly LoggedEvent[], isWanted: boolean): boolean {
    this.dropErasedTexts(events);
    const room =
      this.memory.length + events.length <= MEMORY_EVENTS_MAX &&
      (this.memory.length <= ALWAYS_ROOM_EVENTS ||
        charactersOf(this.memory) + charactersOf(events) <= MEMORY_CHARACTERS_MAX);
    // Memory must only be contiguous in itself: earlier events are read from the log.
    const follows = (this.memory.at(-1)?.position ?? this.committed) === this.committed;
    this.committed = events.at(-1)?.position ?? this.committed;
    if (!isWanted || !room || !follows) return false;
    for (const event of events) this.memory.push(event);
    return true;
  }

  /**
   * Drops all events from memory. While publishing has failed they would only fill the memory of each partition; they
   * are read from the log later.
   */
  forget(): void {
    this.memory = [];
    this.prefetched = [];
  }

  /**
   * Returns the next events after `position`, at most `limit`. Rejects if the log has a gap or cannot be read.
   * @param window the maximum number of events in flight
   */
  async take(position: number, limit: number, window: number): Promise<LoggedEvent[]> {
    this.deletedSinceTake.clear();
    dropThrough(this.memory, position);
    dropThrough(this.prefetched, position);
    for (const known of [this.memory, this.prefetched])
      if (known[0]?.position === position + 1) return known.splice(0, limit);
    const wanted = Math.max(limit, Math.min(READ_MAX, WINDOWS_READ * window));
    // The log may already hold a batch whose commit this worker has not learned of. Its member changes are not in the
    // cache yet, so nothing above `committed` is read.
    const events = await this.read(position, Math.min(wanted, this.committed - position));
    // A message deleted during the read must not keep its text in memory.
    this.prefetched = this.withoutDeletedTexts(events.slice(limit));
    return events.slice(0, limit);
  }

  /**
   * The events that were taken last, up to the first one whose text has been deleted since. The rest must be read
   * again.
   */
  withoutDeletedTexts(taken: LoggedEvent[]): LoggedEvent[] {
    return beforeTextsOf(taken, this.deletedSinceTake);
  }

  private async read(position: number, limit: number): Promise<LoggedEvent[]> {
    const events = await this.log.readEvents(this.partition, position, limit);
    // Committed events exist. An empty or incomplete answer would silently skip events.
    const missing = firstMissing(events, position, this.floor());
    if (missing !== null) throw new Error(`the log of partition ${this.partition} has no position ${missing}`);
    if (events.length === 0) throw new Error(`the log of partition ${this.partition} ends before ${this.committed}`);
    return events;
  }

  /**
   * Drops buffered events whose text has just been deleted. They are then published without the text, as the log has
   * it.
   */
  private dropErasedTexts(events: readonly LoggedEvent[]): void {
    const deleted = events.flatMap(({ event }) => (event.type === 'message.deleted' ? [event.messageId] : []));
    if (deleted.length === 0) return;
    for (const messageId of deleted) this.deletedSinceTake.add(messageId);
    // From the first of these events on, the log is read again. It no longer has the text.
    this.memory = beforeTextsOf(this.memory, new Set(deleted));
    this.prefetched = beforeTextsOf(this.prefetched, new Set(deleted));
  }
}

/** An upper bound that is cheap to compute. */
function charactersOf(events: readonly LoggedEvent[]): number {
  let sum = 0;
  for (const { event } of events)
    switch (event.type) {
      case 'message.created':
      case 'message.edited': {
        const { body, attachments, mentions, metadata } = event.message;
        sum += SMALL_EVENT_CHARACTERS + (body?.length ?? 0) + mentions.length * MENTION_CHARACTERS;
        sum += attachments.length * ATTACHMENT_CHARACTERS + (isEmpty(metadata) ? 0 : METADATA_MAX_BYTES);
        break;
      }
      case 'chat.created':
      case 'chat.updated':
      case 'member.added':
      case 'user.upserted':
      case 'command.rejected':
        sum += LARGE_EVENT_CHARACTERS;
        break;
      default:
        sum += SMALL_EVENT_CHARACTERS;
    }
  return sum;
}

const SMALL_EVENT_CHARACTERS = 256;
const MENTION_CHARACTERS = 128;
/** URL, name and media type, in code points of one or two characters. */
const ATTACHMENT_CHARACTERS = 2 * (2048 + 255 + 255);
/** Metadata and a hundred members. */
const LARGE_EVENT_CHARACTERS = 24 * 1024;

function isEmpty(metadata: object): boolean {
  for (const _ in metadata) return false;
  return true;
}

/** The first missing position above the floor, between `after` and the last event. Null if there is no gap. */
export function firstMissing(events: readonly LoggedEvent[], after: number, floor: number): number | null {
  let expected = after + 1;
  for (const { position } of events) {
    if (position > expected && position - 1 > floor) return Math.max(expected, floor + 1);
    expected = position + 1;
  }
  return null;
}

/** Removes events that are already published from the front. */
function dropThrough(events: LoggedEvent[], position: number): void {
  let stale = 0;
  while (stale < events.length && (events[stale] as LoggedEvent).position <= position) stale += 1;
  if (stale > 0) events.splice(0, stale);
}

/** The events before the first one that has the text of one of the messages. */
function beforeTextsOf(events: LoggedEvent[], messageIds: ReadonlySet<string>): LoggedEvent[] {
  if (messageIds.size === 0) return events;
  const first = events.findIndex(
    ({ event }) =>
      (event.type === 'message.created' || event.type === 'message.edited') && messageIds.has(event.message.messageId),
  );
  return first === -1 ? events : events.slice(0, first);
}
