import { NOTHING_SYNCED } from '../../../../application/queries/sync-chats.js';
import { SYNC_FROM_NOW } from '../../../../contract/rest/requests.js';
import type { Handlers } from '../middleware/request-context.js';
import { ok, problemAnswer } from '../response.js';
import type { SyncPageReader } from '../sync-pages.js';

/** Changes in all of the caller's chats. */
export function syncHandlers(pages: SyncPageReader): Handlers<'sync'> {
  return {
    async sync({ caller, query: { since, limit } }) {
      if (since === SYNC_FROM_NOW)
        return ok({ items: [], next: pages.tokenOf(caller, await pages.fromNow(caller)), hasMore: false });
      const progress = since === undefined ? NOTHING_SYNCED : pages.progressOf(caller, since);
      const page = progress && (await pages.page(caller, progress, limit));
      if (page !== null) return ok(page.body);
      return problemAnswer('bad_request', {
        detail: 'the token is not valid (any more): start again without a token',
        violations: [{ path: 'since', message: 'is not a valid token for this caller' }],
      });
    },
  };
}
