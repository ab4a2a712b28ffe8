/** What one page of a sync holds: decided by numbers alone, before any event is read. */
import { type Chat, firstVisibleSequence } from '../../domain/chat.js';
import type { ChatView } from '../ports/chat-queries.js';
import type { Cut, EventRange, SyncedChat, SyncWindow } from '../ports/sync-log.js';

/** Where a walk goes on: with this sequence of the chat, or, where it is null, with what comes after the chat. */
export interface Place {
  chatId: string;
  nextSequence: number | null;
}

/** The caller's no more: they have left it, or, where it is hidden, they are in it and may not see it. */
export interface LostItem {
  chatId: string;
  left: true;
  hidden?: true;
}

export type Candidate =
  /** `firstNew`, `firstLater`: the first sequences beyond the window's two ends. */
  { chatId: string; chat: SyncedChat; firstNew: number; firstLater: number } | LostItem;

export type Entry = { chatId: string; view: ChatView; reset: boolean; range: EventRange | null } | LostItem;

export interface PagePlan {
  entries: Entry[];
  /** Null: the walk is over. */
  place: Place | null;
}

/** Whether the chat's latest event is certain to lie within the cut. */
export function isWithin(cut: Cut, { partition, lastPosition }: Pick<Chat, 'partition' | 'lastPosition'>): boolean {
  const position = partition === null ? undefined : cut.positions[partition];
  return position !== undefined && lastPosition <= position;
}

/**
 * Takes candidates in their order until `limit` of them or `limit` events are reached. `candidates`: in the order of their ids, one more than
 * the limit where there are as many. `through`: how far was looked; null: to the end.
 */
export function planPage(
  window: SyncWindow,
  place: Place | null,
  candidates: readonly Candidate[],
  through: string | null,
  limit: number,
): PagePlan {
  const entries: Entry[] = [];
  let room = limit;
  let done: Place | null = null;
  for (const [index, candidate] of candidates.entries()) {
    if (index === limit || room === 0) return { entries, place: done };
    const { chatId } = candidate;
    const part =
      'chat' in candidate ? newPart(window, candidate, place?.chatId === chatId ? place.nextSequence : null) : null;
    if ('left' in candidate) entries.push(candidate);
    if (part !== null) {
      const { view, reset, first, last } = part;
      const count = Math.max(0, last - first + 1);
      const fits = Math.min(count, room);
      entries.push({ chatId, view, reset, range: fits === 0 ? null : { chatId, first, last: first + fits - 1 } });
      room -= fits;
      if (fits < count) return { entries, place: { chatId, nextSequence: first + fits } };
    }
    done = { chatId, nextSequence: null };
  }
  return { entries, place: through === null ? null : { chatId: through, nextSequence: null } };
}

interface Part {
  view: ChatView;
  reset: boolean;
  first: number;
  last: number;
}

/**
 * What the window holds of a chat. Null: nothing in this walk; a membership that began after the cut, a chat that came to light after it, or an
 * import that ended after it, is the next walk's.
 *
 * What the client had before it joined (anew), before the chat came to light, before the visibility of the history changed or before an import is
 * not what it is to have now: it starts the chat anew. Where that happens after the cut, the next walk does it, and this one only never gives what may not be seen any more.
 */
function newPart(
  { from, to }: SyncWindow,
  {
    chat: { chat, membership, importNumber, shownSequence },
    firstNew,
    firstLater,
  }: Extract<Candidate, { firstNew: number }>,
  resumedAt: number | null,
): Part | null {
  const last = firstLater - 1;
  const { joinedSequence } = membership;
  const since = Math.max(joinedSequence, shownSequence);
  if (since > last || (importNumber !== null && importNumber > to.imports)) return null;
  const view = { chat, membership };
  const firstVisible = firstVisibleSequence(chat, membership);
  if (resumedAt !== null) {
    const first = Math.max(resumedAt, firstVisible);
    return first > last ? null : { view, reset: false, first, last };
  }
  const opened = chat.historySequence > last ? 0 : chat.historySequence;
  const isImported = importNumber !== null && importNumber > (from?.imports ?? 0);
  const reset = from === null || isImported || firstNew <= Math.max(since, opened);
  return { view, reset, first: reset ? firstVisible : Math.max(firstNew, firstVisible), last };
}
