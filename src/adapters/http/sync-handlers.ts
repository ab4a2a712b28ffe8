import type { AudienceReader } from '../../application/policy/chat-audience.js';
import type { ChatViewing } from '../../application/policy/view-chat.js';
import type { SyncLog } from '../../application/ports/sync-log.js';
import { ChatSync, NOTHING_SYNCED, type SyncItem, type SyncProgress } from '../../application/queries/sync-chats.js';
import { type RenderContext, renderEvent } from '../../application/render-event.js';
import { SYNC_FROM_NOW } from '../../contract/rest-requests.js';
import { ok, problemAnswer } from './answer.js';
import type { Handlers } from './call.js';
import type { Cursors } from './cursor.js';
import { representChat } from './representations.js';
import { decodeSyncProgress, encodeSyncProgress } from './sync-token.js';

/** What changed in all of the caller's chats; a token is good for its caller in its store, while the policy shows them the same. */
export function syncHandlers(
  syncLog: SyncLog,
  viewing: Pick<ChatViewing, 'visibleTo'>,
  cursors: Cursors,
  audiences: Pick<AudienceReader, 'read'>,
  rendering: RenderContext,
): Handlers<'sync'> {
  const sync = new ChatSync(syncLog, viewing);

  async function represent(items: readonly SyncItem[]) {
    const chatIds = items.flatMap((item) => ('left' in item || item.events.length === 0 ? [] : [item.chatId]));
    const audienceOf = await audiences.read(chatIds);
    return items.map((item) => {
      if ('left' in item) return item;
      const { chatId, reset, view, events } = item;
      const audience = audienceOf.get(chatId) ?? null;
      return {
        chatId,
        reset,
        chat: representChat(view),
        events: events.map((event) => renderEvent(event, audience, rendering)),
      };
    });
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
          detail: 'the token is not good, or no longer: start again without one',
          violations: [{ path: 'since', message: 'is not a token that is good for this caller now' }],
        });
      return ok({ items: await represent(page.items), next: token(page.next), hasMore: page.hasMore });
    },
  };
}
