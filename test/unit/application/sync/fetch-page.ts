/** Pages as REST gives them, without the wire. */

import { syncHandlers } from '../../../../src/adapters/apis/http/handlers/sync-handlers.js';
import { Cursors } from '../../../../src/adapters/apis/http/paging/cursor.js';
import { decodeSyncProgress } from '../../../../src/adapters/apis/http/paging/sync-token.js';
import { SyncPageReader } from '../../../../src/adapters/apis/http/sync-pages.js';
import { AudienceReader } from '../../../../src/application/policy/chat-audience.js';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { ChatViewing } from '../../../../src/application/policy/view-chat.js';
import type { SyncLog } from '../../../../src/application/ports/queries/sync-log.js';
import type { SyncProgress } from '../../../../src/application/queries/sync-chats.js';
import type { StoreHarness } from '../../../conformance/store/store-conformance.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import type { FetchPage, Page } from './syncing-client.js';

interface Options {
  syncLog?: SyncLog;
  policy?: PolicyEnforcementPoint;
  /** Called with each page and the content of its token. */
  look?: (since: SyncProgress | null, page: Page) => void;
}

export function pagesOf(
  store: Pick<StoreHarness, 'queries' | 'log' | 'sync' | 'decisions'>,
  userId: string,
  { syncLog = store.sync, policy = new PolicyEnforcementPoint(defaultPolicy()), look }: Options = {},
): FetchPage {
  const viewing = new ChatViewing(store.queries, policy, store.decisions);
  const rendering = { storeId: 'test', recipientsMax: 256 };
  const audiences = new AudienceReader(store.log, policy.decisionPoint, rendering.recipientsMax);
  const cursors = new Cursors('signs tokens');
  const { sync } = syncHandlers(new SyncPageReader(syncLog, viewing, cursors, audiences, rendering));
  const progressIn = (token: string) =>
    decodeSyncProgress(
      cursors.unseal({ tenantId: 'default', userId }, ['sync', rendering.storeId], token) ?? Buffer.of(),
    );
  return async (since, limit) => {
    const { status, body } = await sync({
      operation: 'sync',
      caller: { tenantId: 'default', userId },
      query: { since, limit },
      path: {},
      body: undefined,
      authorization: '',
      idempotencyKey: undefined,
      trace: { traceId: '', traceparent: '', tracestate: null },
      onCommand: () => undefined,
    });
    if (status === 400 && since !== undefined) return null;
    if (status !== 200) throw new Error(`no page: ${JSON.stringify(body)}`);
    // As the client reads it.
    const page = JSON.parse(JSON.stringify(body)) as Page;
    look?.(since === undefined ? null : progressIn(since), page);
    return page;
  };
}
