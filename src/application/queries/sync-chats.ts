import { firstVisibleSequence } from '../../domain/chat.js';
import { asSeenFrom } from '../../domain/event.js';
import { type ChatViewing, fingerprintOf } from '../policy/view-chat.js';
import type { Caller, ChatView } from '../ports/queries/chat-queries.js';
import type { Cut, EventsInRanges, LostChat, SyncedChat, SyncLog, SyncWindow } from '../ports/queries/sync-log.js';
import type { LoggedEvent } from '../ports/store/log/event-log.js';
import {
  type Candidate,
  type Entry,
  isWithin,
  type LostItem,
  type PagePlan,
  type Place,
  planPage,
} from './sync-page.js';

/** Maximum number of a caller's chats that one page examines, changed or not. */
export const CHATS_EXAMINED_MAX = 10_000;

/** The minimum chat id. */
const FIRST_CHAT_ID = '00000000-0000-0000-0000-000000000000';

/** The progress of a client. */
export interface SyncProgress {
  /** What the client has. Null if nothing. */
  from: Cut | null;
  /** Which chats the policy showed the caller at that time, as a fingerprint. Null before the first request. */
  shown: number | null;
  /** The current walk over the caller's chats: its target state and its place. Null if there is none. */
  walk: { to: Cut; place: Place } | null;
}

export const NOTHING_SYNCED: SyncProgress = { from: null, shown: null, walk: null };

export type SyncItem =
  /**
   * `view` is the current chat. `reset`: the client must delete what it has of the chat, and its history starts with
   * these events.
   */
  { chatId: string; view: ChatView; reset: boolean; events: LoggedEvent[] } | LostItem;

export interface SyncPage {
  items: SyncItem[];
  next: SyncProgress;
  /** The walk continues, and the next page is available at once. */
  hasMore: boolean;
  /** The `next` for a client that uses the page only up to this place. There are more items then. */
  endingAt(place: Place): SyncProgress;
}

/**
 * Returns what changed in all of a caller's chats since the client's last sync, as pages of a walk from one cut through
 * the log to another. A client that reads every page ends with the store's state. What happens during a walk comes with
 * the next one.
 */
export class ChatSync {
  constructor(
    private readonly log: SyncLog,
    private readonly viewing: Pick<ChatViewing, 'visibleTo'>,
  ) {}

  /** For a client that has everything up to now, or does not need it. */
  async fromNow(caller: Caller): Promise<SyncProgress> {
    const shown = fingerprintOf(await this.viewing.visibleTo(caller));
    return { from: await this.log.cut(), shown, walk: null };
  }

  /**
   * At most `limit` items with at most `limit` events together. Null if this store never returned that progress, or if
   * the policy now shows the caller other chats. In the second case the client may have too much, and what it lacks
   * cannot be derived from later events.
   */
  async page(caller: Caller, progress: SyncProgress, limit: number): Promise<SyncPage | null> {
    const { from } = progress;
    const visible = await this.viewing.visibleTo(caller);
    const shown = fingerprintOf(visible);
    if (progress.shown !== null && progress.shown !== shown) return null;
    const to = progress.walk?.to ?? (await this.log.cut());
    if (from !== null && !isPast(from, to)) return null;
    const window = { from, to };
    const place = progress.walk?.place ?? { chatId: FIRST_CHAT_ID, nextSequence: 1 };
    const start = { chatId: place.chatId, inclusive: place.nextSequence !== null };
    const through = await this.log.horizon(caller, start, CHATS_EXAMINED_MAX);
    const stretch = { start, through };
    // One more than a page: its presence shows that there are more.
    const chats = await this.log.changedChats(caller, visible, window, stretch, limit + 1);
    // A client without any state cannot lose a chat.
    const lost = from === null ? [] : await this.log.lostChats(caller, visible, from, to, stretch, limit + 1);
    const candidates = await this.candidates(window, chats, lost);
    const plan = planPage(window, progress.walk?.place ?? null, candidates, through, limit);

    const ranges = plan.entries.flatMap((entry) => ('range' in entry && entry.range !== null ? [entry.range] : []));
    const { events, isComplete } = ranges.length === 0 ? NO_EVENTS : await this.log.eventsIn(ranges);
    const { entries, place: end } = isComplete ? plan : upTo(plan.entries, events);
    const items = entries.map((entry): SyncItem => {
      if ('left' in entry) return entry;
      const { chatId, view, reset } = entry;
      const fromSequence = firstVisibleSequence(view.chat, view.membership);
      const seen = (events.get(chatId) ?? []).map((logged) => ({
        ...logged,
        event: asSeenFrom(logged.event, fromSequence),
      }));
      return { chatId, view, reset, events: seen };
    });
    const endingAt = (at: Place): SyncProgress => ({ from, shown, walk: { to, place: at } });
    if (end === null) return { items, next: { from: to, shown, walk: null }, hasMore: false, endingAt };
    return { items, next: endingAt(end), hasMore: true, endingAt };
  }

  /** In the order of their ids, each with the limits of its events in the window. */
  private async candidates({ from, to }: SyncWindow, chats: SyncedChat[], lost: LostChat[]): Promise<Candidate[]> {
    const firstNew = from === null ? null : await this.firstBeyond(from, chats);
    const firstLater = await this.firstBeyond(to, chats);
    const members = chats.map((chat): Candidate => {
      const { chatId, lastSequence } = chat.chat;
      return {
        chatId,
        chat,
        firstNew: firstNew?.get(chatId) ?? 1,
        firstLater: firstLater.get(chatId) ?? lastSequence + 1,
      };
    });
    const gone = lost.map(
      ({ chatId, isMember }): Candidate => ({ chatId, left: true, ...(isMember ? { hidden: true } : {}) }),
    );
    return [...members, ...gone].sort((a, b) => (a.chatId < b.chatId ? -1 : 1));
  }

  /** Only chats whose latest event is or may be after the cut need the search. */
  private async firstBeyond(cut: Cut, views: ChatView[]): Promise<Map<string, number>> {
    const found = new Map(views.map(({ chat }) => [chat.chatId, chat.lastSequence + 1]));
    const others = views.flatMap(({ chat }) => (isWithin(cut, chat) ? [] : [chat]));
    if (others.length === 0) return found;
    return new Map([...found, ...(await this.log.firstBeyond(cut, others))]);
  }
}

const NO_EVENTS: EventsInRanges = { events: new Map(), isComplete: true };

/** The part of the page whose events were read. */
function upTo(entries: readonly Entry[], events: EventsInRanges['events']): PagePlan {
  const lastOf = (entry: Entry) => events.get(entry.chatId)?.at(-1);
  const index = entries.findLastIndex((entry) => lastOf(entry) !== undefined);
  const entry = entries[index];
  const last = entry && lastOf(entry)?.sequence;
  if (entry === undefined || last === undefined || last === null) throw new Error('a part of a page holds no event');
  return { entries: entries.slice(0, index + 1), place: { chatId: entry.chatId, nextSequence: last + 1 } };
}

/** Whether `from` can be earlier than `to` in the same log. */
function isPast(from: Cut, to: Cut): boolean {
  return (
    from.positions.length === to.positions.length &&
    from.positions.every((position, partition) => position <= (to.positions[partition] ?? 0)) &&
    from.imports <= to.imports
  );
}
