/**
 * The end of a partition's log that is still to be published: a bounded memory over it. What memory does not hold is read by position.
 */
import { METADATA_MAX_BYTES } from '../../contract/messages/text.js';
import type { EventLog, LoggedEvent } from '../ports/event-log.js';

/** At most this many committed events of a partition are kept for publishing; beyond, the log is read. */
export const MEMORY_EVENTS_MAX = 4096;
/** … and, of more than a few, no more than so many characters: 4,096 messages at their limits would have 400 million. */
export const MEMORY_CHARACTERS_MAX = 16 * 1024 * 1024;
const ALWAYS_ROOM_EVENTS = 128;
/** So many windows of events are read at once: each confirm would else cost a reading of its own. */
export const WINDOWS_READ = 16;
/** … but at most so many events. */
export const READ_MAX = 256;

export class OutboxBuffer {
  private memory: LoggedEvent[] = [];
  /** Read from the log and not taken yet. */
  private ahead: LoggedEvent[] = [];
  /** Messages deleted since the events in hand were taken. */
  private deletedMeanwhile = new Set<string>();

  constructor(
    private readonly partition: number,
    private readonly log: Pick<EventLog, 'readEvents'>,
    /** The last position of the log. */
    private committed: number,
    /**
     * Up to here positions may be missing. An owner publishes from above the floor of its partition (`PartitionState.logFloor`), which is
     * published: what is missing there is a fault.
     */
    private readonly floor: () => number = () => 0,
  ) {}

  get end(): number {
    return this.committed;
  }

  /**
   * Takes committed events: contiguous, from the last committed position on.
   * @param isWanted whether to keep them in memory, where there is room
   * @returns whether memory holds them
   */
  append(events: readonly LoggedEvent[], isWanted: boolean): boolean {
    this.forgetErased(events);
    const room =
      this.memory.length + events.length <= MEMORY_EVENTS_MAX &&
      (this.memory.length <= ALWAYS_ROOM_EVENTS ||
        charactersOf(this.memory) + charactersOf(events) <= MEMORY_CHARACTERS_MAX);
    // Contiguous in itself is enough: what lies before it is read from the log.
    const follows = (this.memory.at(-1)?.position ?? this.committed) === this.committed;
    this.committed = events.at(-1)?.position ?? this.committed;
    if (!isWanted || !room || !follows) return false;
    for (const event of events) this.memory.push(event);
    return true;
  }

  /** What nobody takes is read from the log once somebody does: keeping it would only fill the memory, in each partition. */
  forget(): void {
    this.memory = [];
    this.ahead = [];
  }

  /**
   * The next events beyond `position` up to the end, at most `limit`; rejects where the log does not hold them, or cannot be read.
   * @param window how many may be under way at a time
   */
  async take(position: number, limit: number, window: number): Promise<LoggedEvent[]> {
    this.deletedMeanwhile.clear();
    dropThrough(this.memory, position);
    dropThrough(this.ahead, position);
    for (const known of [this.memory, this.ahead])
      if (known[0]?.position === position + 1) return known.splice(0, limit);
    const wanted = Math.max(limit, Math.min(READ_MAX, WINDOWS_READ * window));
    // The log may hold a batch already whose commit the owner has not heard of: whose members it changed is not known here yet.
    const events = await this.read(position, Math.min(wanted, this.committed - position));
    // A text that was deleted while they were read is not kept.
    this.ahead = this.asTheyAre(events.slice(limit));
    return events.slice(0, limit);
  }

  /** Of what was taken last: up to the first event with a text that has been deleted since. From there on the log has to be read again. */
  asTheyAre(taken: LoggedEvent[]): LoggedEvent[] {
    return beforeTextsOf(taken, this.deletedMeanwhile);
  }

  private async read(position: number, limit: number): Promise<LoggedEvent[]> {
    const events = await this.log.readEvents(this.partition, position, limit);
    // What is committed is there: an empty or broken answer would silently skip events.
    const missing = firstMissing(events, position, this.floor());
    if (missing !== null) throw new Error(`the log of partition ${this.partition} has no position ${missing}`);
    if (events.length === 0) throw new Error(`the log of partition ${this.partition} ends before ${this.committed}`);
    return events;
  }

  /** What waits here with a text that has just been deleted goes out without it, as the log has it. */
  private forgetErased(events: readonly LoggedEvent[]): void {
    const deleted = events.flatMap(({ event }) => (event.type === 'message.deleted' ? [event.messageId] : []));
    if (deleted.length === 0) return;
    for (const messageId of deleted) this.deletedMeanwhile.add(messageId);
    // The log tells what is left of it: from the first of these on it is read there.
    this.memory = beforeTextsOf(this.memory, new Set(deleted));
    this.ahead = beforeTextsOf(this.ahead, new Set(deleted));
  }
}

/** At most, as far as can be told without going through them. */
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
/** An address, a name, a media type, in code points of one or two characters. */
const ATTACHMENT_CHARACTERS = 2 * (2048 + 255 + 255);
/** Metadata and a hundred members. */
const LARGE_EVENT_CHARACTERS = 24 * 1024;

function isEmpty(metadata: object): boolean {
  for (const _ in metadata) return false;
  return true;
}

/** The first position above the floor that is missing between `after` and the last of the events; null: none is. */
export function firstMissing(events: readonly LoggedEvent[], after: number, floor: number): number | null {
  let expected = after + 1;
  for (const { position } of events) {
    if (position > expected && position - 1 > floor) return Math.max(expected, floor + 1);
    expected = position + 1;
  }
  return null;
}

/** What is published already, from the front. */
function dropThrough(events: LoggedEvent[], position: number): void {
  let stale = 0;
  while (stale < events.length && (events[stale] as LoggedEvent).position <= position) stale += 1;
  if (stale > 0) events.splice(0, stale);
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
