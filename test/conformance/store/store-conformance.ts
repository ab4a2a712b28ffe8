/**
 * What every store must do, whatever it keeps its rows in: one suite, run by each adapter's own test file. Cases that
 * need a capability run where it is declared, and fail where it is declared but missing.
 */
import type { ChatHistory } from '../../../src/application/ports/queries/chat-history.js';
import type { ChatQueries } from '../../../src/application/ports/queries/chat-queries.js';
import type { MessageSearch } from '../../../src/application/ports/queries/message-search.js';
import type { SyncLog } from '../../../src/application/ports/queries/sync-log.js';
import type { ApiKeys } from '../../../src/application/ports/store/api-keys.js';
import type { CommandStore } from '../../../src/application/ports/store/command-store.js';
import type { DecisionLog } from '../../../src/application/ports/store/decision-log.js';
import type { EventCursors } from '../../../src/application/ports/store/log/event-cursors.js';
import type { EventLog } from '../../../src/application/ports/store/log/event-log.js';
import type { FollowedLog } from '../../../src/application/ports/store/log/followed-log.js';
import type { LiveReaders } from '../../../src/application/ports/store/log/live-readers.js';
import type { PartitionRegistry } from '../../../src/application/ports/store/partition-registry.js';
import type { StoreCapabilities } from '../../../src/application/ports/store/store-capabilities.js';
import type { TokenRevocations } from '../../../src/application/ports/store/token-revocations.js';
import type { TransportState } from '../../../src/application/ports/store/transport-state.js';
import type { MessageRevision, MessageStub } from '../../../src/domain/message.js';
import { apiKeysConformance } from './api-keys.js';
import { capabilitiesConformance } from './capabilities.js';
import { commandStoreConformance } from './command-store.js';
import { decisionLogConformance } from './decision-log.js';
import { eventCursorsConformance } from './event-cursors.js';
import { eventLogConformance } from './event-log.js';
import { followedLogConformance } from './followed-log.js';
import { liveReadersConformance } from './live-readers.js';
import { logFloorConformance } from './log-floor.js';
import { partitionRegistryConformance } from './partition-registry.js';
import { chatHistoryConformance } from './queries/chat-history.js';
import { chatQueriesConformance } from './queries/chat-queries.js';
import { messageQueriesConformance } from './queries/message-queries.js';
import { messageRowsConformance } from './queries/message-rows.js';
import { messageSearchConformance } from './queries/message-search.js';
import { messageTextsConformance } from './queries/message-texts.js';
import { syncLogConformance } from './queries/sync-log.js';
import { userSearchConformance } from './queries/user-search.js';
import { sharedRowsConformance } from './shared-rows.js';
import { tokenRevocationsConformance } from './token-revocations.js';
import { transportStateConformance } from './transport-state.js';
import { webhookRowsConformance } from './webhook-rows.js';

/** Rows that no port gives back as they are. */
export interface StoredRows {
  /** In ascending revision. */
  revisions(messageId: string): Promise<MessageRevision[]>;
  /** Of messages deleted hard, in ascending sequence. */
  stubs(chatId: string): Promise<MessageStub[]>;
  /** By emoji, in code-unit order, all that are kept. */
  reactionCounts(messageId: string): Promise<[string, number][]>;
  replies(rootId: string): Promise<number>;
  departure(key: { tenantId: string; userId: string; chatId: string }): Promise<{
    partition: number;
    position: number;
  } | null>;
}

/** The ports over one empty store, for which nothing has been settled yet. */
export interface StoreHarness {
  commands: CommandStore;
  registry: PartitionRegistry;
  liveReaders: LiveReaders;
  tokenRevocations: TokenRevocations;
  apiKeys: ApiKeys;
  transportState: TransportState;
  log: EventLog;
  queries: ChatQueries;
  history: ChatHistory;
  /** Null: the store has none. */
  search: MessageSearch | null;
  /** Makes everything that was written until now searchable. Absent: it always is. */
  settleSearch?(): Promise<void>;
  sync: SyncLog;
  decisions: DecisionLog;
  cursors: EventCursors;
  followed: FollowedLog;
  rows: StoredRows;
  /** The same data as another process sees it. Absent if no other process can. */
  another?(): Promise<StoreHarness>;
  close(): Promise<void>;
}

/** The search of a store that declares one. */
export function searchOf({ search }: StoreHarness): MessageSearch {
  if (search === null) throw new Error('the store declares a message search, and has none');
  return search;
}

export type OpenStore = () => Promise<StoreHarness>;

export function storeConformance(capabilities: StoreCapabilities, open: OpenStore): void {
  capabilitiesConformance(capabilities, open);
  commandStoreConformance(open);
  messageRowsConformance(open);
  messageTextsConformance(open);
  sharedRowsConformance(open);
  partitionRegistryConformance(open);
  liveReadersConformance(open);
  tokenRevocationsConformance(open);
  apiKeysConformance(open);
  webhookRowsConformance(open);
  transportStateConformance(open);
  eventLogConformance(open);
  logFloorConformance(open);
  chatQueriesConformance(open);
  chatHistoryConformance(open);
  messageQueriesConformance(open);
  userSearchConformance(open);
  if (capabilities.search) messageSearchConformance(open);
  syncLogConformance(open);
  decisionLogConformance(open);
  eventCursorsConformance(open);
  followedLogConformance(open);
}
