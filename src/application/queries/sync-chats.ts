import { firstVisibleSequence } from '../../domain/chat.js';
import { asSeenFrom } from '../../domain/event.js';
import { type ChatViewing, fingerprintOf } from '../policy/view-chat.js';
import type { Caller, ChatView } from '../ports/chat-queries.js';
import type { LoggedEvent } from '../ports/event-log.js';
import type { Cut, EventsInRanges, LostChat, SyncedChat, SyncLog, SyncWindow } from '../ports/sync-log.js';
import {
  type Candidate,
  type Entry,
  isWithin,
  type LostItem,
  type PagePlan,
  type Place,
  planPage,
} from './sync-page.js';

/** How many of a caller's chats one page looks at, at most, whether they have changed or not. */
export const CHATS_EXAMINED_MAX = 10_000;

/** No chat id is before it. */
const FIRST_CHAT_ID = '00000000-0000-0000-0000-000000000000';

/** How far a client is. */
export interface SyncProgress {
  /** What it has; null: nothing. */
  from: Cut | null;
  /** What the policy showed the caller of chats by then, as a fingerprint; null: nothing was asked for yet. */
  shown: number | null;
  /** The walk over the caller's chats that is under way: what it brings the client to, and where it goes on. Null: none is. */
  walk: { to: Cut; place: Place } | null;
}

export const NOTHING_SYNCED: SyncProgress = { from: null, shown: null, walk: null };

export type SyncItem =
  /** `view`: the chat as it is now. `reset`: what the client has of the chat goes, and its history starts with these events. */
  { chatId: string; view: ChatView; reset: boolean; events: LoggedEvent[] } | LostItem;

export interface SyncPage {
  items: SyncItem[];
  next: SyncProgress;
  /** The walk goes on: there is more to be had at once. */
  hasMore: boolean;
  /** What `next` is for one who takes the page only up to this place; then there is more. */
  endingAt(place: Place): SyncProgress;
}

/**
 * What changed in all of a caller's chats since the client was last here, as pages of a walk from one cut through the log to another. A client
 * that takes every page ends up with what the store has for it; what happens during a walk comes with the next one.
 */
export class ChatSync {
  constructor(
    private readonly log: SyncLog,
    private readonly viewing: Pick<ChatViewing, 'visibleTo'>,
  ) {}

  /** For a client that has everything up to now, or wants nothing of it. */
  async fromNow(caller: Caller): Promise<SyncProgress> {
    const shown = fingerprintOf(await this.viewing.visibleTo(caller));
    return { from: await this.log.cut(), shown, walk: null };
  }

  /**
   * At most `limit` items with at most `limit` events together; null: that progress was never made in this store, or what the policy shows the
   * caller is not what it was: what the client has may be too much, and what it lacks is not to be found by what has happened since.
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
    // One more than a page holds: whether it comes says whether there is more.
    const chats = await this.log.changedChats(caller, visible, window, stretch, limit + 1);
    // Whoever has nothing has nothing to give up.
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

  /** In the order of their ids, each with where the window cuts its events. */
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

  /** Only chats whose latest event is beyond the cut, or may be, have to be searched. */
  private async firstBeyond(cut: Cut, views: ChatView[]): Promise<Map<string, number>> {
    const found = new Map(views.map(({ chat }) => [chat.chatId, chat.lastSequence + 1]));
    const others = views.flatMap(({ chat }) => (isWithin(cut, chat) ? [] : [chat]));
    if (others.length === 0) return found;
    return new Map([...found, ...(await this.log.firstBeyond(cut, others))]);
  }
}

const NO_EVENTS: EventsInRanges = { events: new Map(), isComplete: true };

/** The page as far as its events were read. */
function upTo(entries: readonly Entry[], events: EventsInRanges['events']): PagePlan {
  const lastOf = (entry: Entry) => events.get(entry.chatId)?.at(-1);
  const index = entries.findLastIndex((entry) => lastOf(entry) !== undefined);
  const entry = entries[index];
  const last = entry && lastOf(entry)?.sequence;
  if (entry === undefined || last === undefined || last === null) throw new Error('a part of a page holds no event');
  return { entries: entries.slice(0, index + 1), place: { chatId: entry.chatId, nextSequence: last + 1 } };
}

/** Whether `from` can have come before `to` in one and the same log. */
function isPast(from: Cut, to: Cut): boolean {
  return (
    from.positions.length === to.positions.length &&
    from.positions.every((position, partition) => position <= (to.positions[partition] ?? 0)) &&
    from.imports <= to.imports
  );
}
