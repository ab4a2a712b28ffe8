/** The content of one sync page. It is decided by numbers alone, before any event is read. */
import { type Chat, firstVisibleSequence } from '../../domain/chat.js';
import type { ChatView } from '../ports/queries/chat-queries.js';
import type { Cut, EventRange, SyncedChat, SyncWindow } from '../ports/queries/sync-log.js';

/** Where a walk continues: at this sequence of the chat, or after the chat if it is null. */
export interface Place {
  chatId: string;
  nextSequence: number | null;
}

/** A chat that the caller no longer sees. They have left it, or they are a member and it is hidden from them. */
export interface LostItem {
  chatId: string;
  left: true;
  hidden?: true;
}

export type Candidate =
  /** `firstNew` and `firstLater` are the first sequences after the two ends of the window. */
  { chatId: string; chat: SyncedChat; firstNew: number; firstLater: number } | LostItem;

export type Entry = { chatId: string; view: ChatView; reset: boolean; range: EventRange | null } | LostItem;

export interface PagePlan {
  entries: Entry[];
  /** Null if the walk is over. */
  place: Place | null;
}

/** Whether the chat's latest event is certainly before the cut. */
export function isWithin(cut: Cut, { partition, lastPosition }: Pick<Chat, 'partition' | 'lastPosition'>): boolean {
  const position = partition === null ? undefined : cut.positions[partition];
  return position !== undefined && lastPosition <= position;
}

/**
 * Takes candidates in order until `limit` candidates or `limit` events are reached. `candidates` are sorted by id, with
 * one more than the limit if there are that many. `through` is the last examined chat; null means to the end.
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
 * The events of a chat in the window. Null if this walk has none of the chat. A membership that began after the cut, a
 * chat that became visible after it, or an import that ended after it belongs to the next walk.
 *
 * What the client has from before it joined (again), before the chat became visible, before the history visibility
 * changed, or before an import is outdated, so the client starts the chat again. If that happens after the cut, the
 * next walk handles it. This walk then only omits what is no longer visible.
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
