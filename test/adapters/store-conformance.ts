/**
 * What every store must do, whatever it keeps its rows in: one suite, run by each adapter's own test file.
 */
import type { ChatHistory } from '../../src/application/ports/chat-history.js';
import type { ChatQueries } from '../../src/application/ports/chat-queries.js';
import type { CommandStore } from '../../src/application/ports/command-store.js';
import type { EventLog } from '../../src/application/ports/event-log.js';
import type { PartitionRegistry } from '../../src/application/ports/partition-registry.js';
import { chatHistoryConformance } from './store-conformance-chat-history.js';
import { chatQueriesConformance } from './store-conformance-chat-queries.js';
import { commandStoreConformance } from './store-conformance-command-store.js';
import { eventLogConformance } from './store-conformance-event-log.js';
import { messageQueriesConformance } from './store-conformance-message-queries.js';
import { partitionRegistryConformance } from './store-conformance-partition-registry.js';
import { sharedRowsConformance } from './store-conformance-shared-rows.js';

/** The five ports over one empty store, for which nothing has been settled yet. */
export interface StoreHarness {
  commands: CommandStore;
  registry: PartitionRegistry;
  log: EventLog;
  queries: ChatQueries;
  history: ChatHistory;
  close(): Promise<void>;
}

export type OpenStore = () => Promise<StoreHarness>;

export function storeConformance(open: OpenStore): void {
  commandStoreConformance(open);
  sharedRowsConformance(open);
  partitionRegistryConformance(open);
  eventLogConformance(open);
  chatQueriesConformance(open);
  chatHistoryConformance(open);
  messageQueriesConformance(open);
}
