/** Pages as REST gives them, without the wire. */

import { Cursors } from '../../../src/adapters/http/cursor.js';
import { syncHandlers } from '../../../src/adapters/http/sync-handlers.js';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import { ChatViewing } from '../../../src/application/policy/view-chat.js';
import type { SyncLog } from '../../../src/application/ports/sync-log.js';
import type { StoreHarness } from '../../adapters/store-conformance.js';
import { defaultPolicy } from '../../support/default-policy.js';
import type { FetchPage, Page } from './syncing-client.js';

export function pagesOf(
  store: Pick<StoreHarness, 'queries' | 'log' | 'sync' | 'decisions'>,
  userId: string,
  syncLog: SyncLog = store.sync,
): FetchPage {
  const viewing = new ChatViewing(store.queries, new PolicyEnforcementPoint(defaultPolicy()), store.decisions);
  const rendering = { storeId: 'test', recipientsMax: 256 };
  const { sync } = syncHandlers(syncLog, viewing, new Cursors('signs tokens'), store.log, rendering);
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
    if (status !== 200) throw new Error(`no page: ${JSON.stringify(body)}`);
    // As the client reads it.
    return JSON.parse(JSON.stringify(body)) as Page;
  };
}
