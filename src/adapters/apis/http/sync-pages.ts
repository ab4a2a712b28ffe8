import { type RenderContext, renderEvent } from '../../../application/outbox/render-event.js';
import type { AudienceReader } from '../../../application/policy/chat-audience.js';
import type { ChatViewing } from '../../../application/policy/view-chat.js';
import type { Caller } from '../../../application/ports/queries/chat-queries.js';
import type { SyncLog } from '../../../application/ports/queries/sync-log.js';
import { ChatSync, type SyncItem, type SyncProgress } from '../../../application/queries/sync-chats.js';
import type { Place } from '../../../application/queries/sync-page.js';
import type { SyncPages } from '../../../application/realtime/gateway.js';
import type { Arrival } from '../../../application/realtime/live-event.js';
import type { CloudEvent } from '../../../contract/messages/events.js';
import { PAGE_LIMIT_MAX } from '../../../contract/rest/requests.js';
import { deliveredThrough } from '../../../domain/chat.js';
import type { Cursors } from './paging/cursor.js';
import { PageBudget } from './paging/page-budget.js';
import { decodeSyncProgress, encodeSyncProgress } from './paging/sync-token.js';
import { representChat } from './representations.js';

/** What seals a token besides its caller: the operation, as for all cursors. */
const OPERATION = 'sync';

export interface SyncPageBody {
  items: object[];
  next: string;
  hasMore: boolean;
}

/**
 * Pages of sync as clients get them, over REST and from a gateway. A token is valid only for its caller and store, and
 * while the policy shows the caller the same kinds of chats.
 */
export class SyncPageReader implements SyncPages {
  private readonly sync: ChatSync;

  constructor(
    syncLog: SyncLog,
    viewing: Pick<ChatViewing, 'visibleTo'>,
    private readonly cursors: Cursors,
    private readonly audiences: Pick<AudienceReader, 'read'>,
    private readonly rendering: RenderContext,
  ) {
    this.sync = new ChatSync(syncLog, viewing);
  }

  tokenOf(caller: Caller, progress: SyncProgress): string {
    return this.cursors.seal(caller, this.selection, encodeSyncProgress(progress));
  }

  /** Null if the token is not one of ours for this caller and store. */
  progressOf(caller: Caller, token: string): SyncProgress | null {
    const given = this.cursors.unseal(caller, this.selection, token);
    return given && decodeSyncProgress(given);
  }

  fromNow(caller: Caller): Promise<SyncProgress> {
    return this.sync.fromNow(caller);
  }

  /** Null: the progress is not valid any more. Rejects with the store's error. */
  async page(
    caller: Caller,
    progress: SyncProgress,
    limit: number,
  ): Promise<{ body: SyncPageBody; progress: SyncProgress; arrivals: Arrival[] } | null> {
    const page = await this.sync.page(caller, progress, limit);
    if (page === null) return null;
    const { items, end } = await this.represent(page.items);
    const arrivals = page.items.slice(0, items.length).flatMap((item) => arrivalOf(item, end, caller));
    const reached = end === null ? page.next : page.endingAt(end);
    const hasMore = end !== null || page.hasMore;
    return { body: { items, next: this.tokenOf(caller, reached), hasMore }, progress: reached, arrivals };
  }

  /** A page of the largest size, as a gateway sends it. */
  async read(caller: Caller, progress: SyncProgress): ReturnType<SyncPages['read']> {
    const page = await this.page(caller, progress, PAGE_LIMIT_MAX);
    if (page === null) return null;
    const { body, progress: reached, arrivals } = page;
    return { json: JSON.stringify(body), token: body.next, progress: reached, hasMore: body.hasMore, arrivals };
  }

  private get selection() {
    return [OPERATION, this.rendering.storeId];
  }

  /** As many items as a page holds, the last one perhaps with a part of its events. Also the end, if items are left. */
  private async represent(items: readonly SyncItem[]) {
    const chatIds = items.flatMap((item) => ('left' in item || item.events.length === 0 ? [] : [item.chatId]));
    const audienceOf = await this.audiences.read(chatIds);
    const budget = new PageBudget();
    const represented: object[] = [];
    let end: Place | null = null;
    for (const item of items) {
      if ('left' in item) {
        if (!budget.take(item)) return { items: represented, end };
        represented.push(item);
      } else {
        const { chatId, reset, view } = item;
        const events: CloudEvent[] = [];
        const withoutEvents = { chatId, reset, chat: representChat(view), events };
        if (!budget.take(withoutEvents)) return { items: represented, end };
        for (const logged of item.events) {
          const event = renderEvent(logged, audienceOf.get(chatId) ?? null, this.rendering);
          const isFirst = represented.length === 0 && events.length === 0;
          if (!budget.take(event) && !isFirst) {
            if (events.length > 0) represented.push(withoutEvents);
            return { items: represented, end: events.length > 0 ? { chatId, nextSequence: logged.sequence } : end };
          }
          events.push(event);
        }
        represented.push(withoutEvents);
      }
      end = { chatId: item.chatId, nextSequence: null };
    }
    return { items: represented, end: null };
  }
}

/** The last message of another user in the item, as far as the page has it, if it is after the caller's mark. */
function arrivalOf(item: SyncItem, end: Place | null, { userId }: Caller): Arrival[] {
  if ('left' in item) return [];
  const { chatId, view, events } = item;
  const next = end?.chatId === chatId ? end.nextSequence : null;
  const last = events.findLast(
    ({ event, sequence }) =>
      event.type === 'message.created' &&
      event.message.senderId !== userId &&
      (next === null || (sequence !== null && sequence < next)),
  )?.sequence;
  const isNew = typeof last === 'number' && last > deliveredThrough(view.membership);
  return isNew ? [{ chatId, sequence: last }] : [];
}
