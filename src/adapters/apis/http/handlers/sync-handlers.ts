import { type RenderContext, renderEvent } from '../../../../application/outbox/render-event.js';
import type { AudienceReader } from '../../../../application/policy/chat-audience.js';
import type { ChatViewing } from '../../../../application/policy/view-chat.js';
import type { SyncLog } from '../../../../application/ports/queries/sync-log.js';
import {
  ChatSync,
  NOTHING_SYNCED,
  type SyncItem,
  type SyncProgress,
} from '../../../../application/queries/sync-chats.js';
import type { Place } from '../../../../application/queries/sync-page.js';
import type { CloudEvent } from '../../../../contract/messages/events.js';
import { SYNC_FROM_NOW } from '../../../../contract/rest/requests.js';
import type { Handlers } from '../middleware/request-context.js';
import type { Cursors } from '../paging/cursor.js';
import { PageBudget } from '../paging/page-budget.js';
import { decodeSyncProgress, encodeSyncProgress } from '../paging/sync-token.js';
import { representChat } from '../representations.js';
import { ok, problemAnswer } from '../response.js';

/**
 * Changes in all of the caller's chats. A token is valid only for its caller and store, and while the policy shows the
 * caller the same kinds of chats.
 */
export function syncHandlers(
  syncLog: SyncLog,
  viewing: Pick<ChatViewing, 'visibleTo'>,
  cursors: Cursors,
  audiences: Pick<AudienceReader, 'read'>,
  rendering: RenderContext,
): Handlers<'sync'> {
  const sync = new ChatSync(syncLog, viewing);

  /** As many items as a page holds, the last one perhaps with a part of its events. Also the end, if items are left. */
  async function represent(items: readonly SyncItem[]) {
    const chatIds = items.flatMap((item) => ('left' in item || item.events.length === 0 ? [] : [item.chatId]));
    const audienceOf = await audiences.read(chatIds);
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
          const event = renderEvent(logged, audienceOf.get(chatId) ?? null, rendering);
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

  return {
    async sync({ operation, caller, query: { since, limit } }) {
      const selection = [operation, rendering.storeId];
      const token = (progress: SyncProgress) => cursors.seal(caller, selection, encodeSyncProgress(progress));
      if (since === SYNC_FROM_NOW) return ok({ items: [], next: token(await sync.fromNow(caller)), hasMore: false });
      const given = since === undefined ? null : cursors.unseal(caller, selection, since);
      const progress = since === undefined ? NOTHING_SYNCED : given && decodeSyncProgress(given);
      const page = progress && (await sync.page(caller, progress, limit));
      if (page === null)
        return problemAnswer('bad_request', {
          detail: 'the token is not valid (any more): start again without a token',
          violations: [{ path: 'since', message: 'is not a valid token for this caller' }],
        });
      const { items, end } = await represent(page.items);
      if (end !== null) return ok({ items, next: token(page.endingAt(end)), hasMore: true });
      return ok({ items, next: token(page.next), hasMore: page.hasMore });
    },
  };
}
