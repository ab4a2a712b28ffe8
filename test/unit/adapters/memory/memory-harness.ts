/** The in-memory store in a world of its own. */

import { MemoryApiKeys } from '../../../../src/adapters/stores/memory/memory-api-keys.js';
import { MemoryCommandStore } from '../../../../src/adapters/stores/memory/memory-command-store.js';
import { MemoryDecisionLog } from '../../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryEventCursors } from '../../../../src/adapters/stores/memory/memory-event-cursors.js';
import { MemoryEventLog } from '../../../../src/adapters/stores/memory/memory-event-log.js';
import { MemoryFollowedLog } from '../../../../src/adapters/stores/memory/memory-followed-log.js';
import { MemoryLiveReaders } from '../../../../src/adapters/stores/memory/memory-live-readers.js';
import { MemoryPartitionRegistry } from '../../../../src/adapters/stores/memory/memory-partition-registry.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { MemoryTokenRevocations } from '../../../../src/adapters/stores/memory/memory-token-revocations.js';
import { MemoryTransportState } from '../../../../src/adapters/stores/memory/memory-transport-state.js';
import { MemoryChatHistory } from '../../../../src/adapters/stores/memory/queries/memory-chat-history.js';
import { MemoryChatQueries } from '../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { MemoryMessageSearch } from '../../../../src/adapters/stores/memory/queries/memory-message-search.js';
import { MemorySyncLog } from '../../../../src/adapters/stores/memory/queries/memory-sync-log.js';
import { userKey } from '../../../../src/application/ports/store/command-store.js';
import type { StoreHarness } from '../../../conformance/store/store-conformance.js';

export async function openMemoryStore(): Promise<StoreHarness> {
  const world = new MemoryTables();
  return {
    commands: new MemoryCommandStore(world),
    registry: new MemoryPartitionRegistry(world),
    liveReaders: new MemoryLiveReaders(world),
    tokenRevocations: new MemoryTokenRevocations(world),
    apiKeys: new MemoryApiKeys(world),
    transportState: new MemoryTransportState(),
    log: new MemoryEventLog(world),
    queries: new MemoryChatQueries(world),
    rows: {
      revisions: async (messageId) => world.revisions.get(messageId) ?? [],
      stubs: async (chatId) => [...world.removedMessages.values()].filter((stub) => stub.chatId === chatId),
      reactionCounts: async (messageId) =>
        [...(world.reactions.get(messageId) ?? [])]
          .map(([emoji, users]): [string, number] => [emoji, users.size])
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      replies: async (rootId) => world.threads.get(rootId) ?? 0,
      departure: async (key) => {
        const departure = world.departures.get(userKey(key))?.get(key.chatId);
        return departure === undefined ? null : { partition: departure.partition, position: departure.position };
      },
    },
    history: new MemoryChatHistory(world),
    search: new MemoryMessageSearch(world),
    sync: new MemorySyncLog(world),
    decisions: new MemoryDecisionLog(world),
    cursors: new MemoryEventCursors(world),
    followed: new MemoryFollowedLog(world),
    close: async () => undefined,
  };
}
