import { CallerSlots } from '../../../application/gateway/caller-slots.js';
import { CommandSubmitter } from '../../../application/gateway/submit-command.js';
import { AdministrationPolicy } from '../../../application/policy/administration.js';
import { AudienceReader } from '../../../application/policy/chat-audience.js';
import { DecisionViewing } from '../../../application/policy/decisions/view-decision.js';
import type { PolicyEnforcementPoint } from '../../../application/policy/enforcement.js';
import { PolicyCache, type PolicyReader } from '../../../application/policy/policy-cache.js';
import { ChatViewing } from '../../../application/policy/view-chat.js';
import { UserViewing } from '../../../application/policy/view-user.js';
import type { ChatHistory } from '../../../application/ports/queries/chat-history.js';
import type { ChatQueries } from '../../../application/ports/queries/chat-queries.js';
import type { MessageSearch } from '../../../application/ports/queries/message-search.js';
import type { SyncLog } from '../../../application/ports/queries/sync-log.js';
import type { ApiKeys } from '../../../application/ports/store/api-keys.js';
import type { DecisionLog } from '../../../application/ports/store/decision-log.js';
import type { EventLog } from '../../../application/ports/store/log/event-log.js';
import type { WebhookAdministration } from '../../../application/ports/store/webhooks.js';
import type { CommandGateway } from '../../../application/ports/transport/transport.js';
import { isCommandOperation, type RestOperationName } from '../../../contract/rest/operations.js';
import { type ApiSettings, READS_WAITING_MAX, SEARCHES_WAITING_MAX } from './api-settings.js';
import { chatCommandHandlers } from './handlers/chat-command-handlers.js';
import { chatQueryHandlers } from './handlers/chat-query-handlers.js';
import { CommandRequests } from './handlers/command-requests.js';
import { decisionHandlers } from './handlers/decision-handlers.js';
import { eventQueryHandlers } from './handlers/event-query-handlers.js';
import { keyHandlers } from './handlers/key-handlers.js';
import { messageCommandHandlers } from './handlers/message-command-handlers.js';
import { messageQueryHandlers } from './handlers/message-query-handlers.js';
import { searchHandlers } from './handlers/search-handlers.js';
import { syncHandlers } from './handlers/sync-handlers.js';
import { userHandlers } from './handlers/user-handlers.js';
import { webhookHandlers } from './handlers/webhook-handlers.js';
import type { Handlers } from './middleware/request-context.js';
import { Cursors } from './paging/cursor.js';
import { SyncPageReader } from './sync-pages.js';

export interface OperationDependencies {
  queries: ChatQueries;
  history: ChatHistory;
  /** Null: a search is answered with 501. */
  search: MessageSearch | null;
  syncLog: SyncLog;
  /** Asked before a response contains data of a chat. */
  policy: PolicyEnforcementPoint;
  /** The decision log, for `GET /v1/decisions/{decisionId}`. Decisions about queries are recorded in it too. */
  decisions: Pick<DecisionLog, 'record' | 'find' | 'findPolicy'>;
  readPolicy: PolicyReader;
  apiKeys: ApiKeys;
  /** Null: the deliveries of webhooks are answered with 501. */
  webhooks: WebhookAdministration | null;
  gateway: CommandGateway;
  log: Pick<EventLog, 'recipients'>;
  /** Encrypts cursors. The same in all processes that serve the same clients. */
  cursorSecret: string | Uint8Array;
  /** Part of every event's `source`. */
  storeId: string;
  settings: Pick<ApiSettings, 'receiptTimeoutMs' | 'recipientsMax' | 'readsAtOnce' | 'searchesAtOnce'>;
}

export interface OperationHandlers {
  handlers: Handlers;
  /** The limit on a caller's concurrent requests of an operation. Null if they are bounded elsewhere. */
  slotsOf(name: RestOperationName): CallerSlots | null;
}

/** What answers each operation, for every API that offers them. */
export function operationHandlers(dependencies: OperationDependencies): OperationHandlers {
  const { queries, history, search, syncLog, policy, decisions, readPolicy, gateway, log } = dependencies;
  const { apiKeys, webhooks, cursorSecret, storeId, settings } = dependencies;
  const { receiptTimeoutMs, recipientsMax } = settings;
  const viewing = new ChatViewing(queries, policy, decisions);
  const asking = new DecisionViewing(decisions, new PolicyCache(decisions, readPolicy), queries, policy);
  const cursors = new Cursors(cursorSecret);
  const rendering = { storeId, recipientsMax };
  const audiences = new AudienceReader(log, policy.decisionPoint, recipientsMax);
  const commands = new CommandRequests(new CommandSubmitter(gateway, queries, receiptTimeoutMs));
  const administration = new AdministrationPolicy(queries, policy, decisions);
  const handlers: Handlers = {
    ...chatQueryHandlers(queries, viewing, cursors),
    ...messageQueryHandlers(history, viewing, cursors),
    ...searchHandlers(search, viewing, cursors),
    ...eventQueryHandlers(history, viewing, audiences, rendering),
    ...syncHandlers(new SyncPageReader(syncLog, viewing, cursors, audiences, rendering)),
    ...userHandlers(queries, viewing, new UserViewing(queries, policy), commands, cursors),
    ...decisionHandlers(asking),
    ...chatCommandHandlers(commands, cursorSecret),
    ...messageCommandHandlers(commands),
    ...webhookHandlers(webhooks, administration, commands, cursors),
    ...keyHandlers(apiKeys, administration),
  };
  const reads = new CallerSlots(settings.readsAtOnce, READS_WAITING_MAX);
  const searches = new CallerSlots(settings.searchesAtOnce, SEARCHES_WAITING_MAX);
  const slotsOf = (name: RestOperationName) => {
    if (name === 'searchMessages') return searches;
    return isCommandOperation(name) ? null : reads;
  };
  return { handlers, slotsOf };
}
