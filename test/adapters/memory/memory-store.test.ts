import { MemoryChatHistory } from '../../../src/adapters/memory/memory-chat-history.js';
import { MemoryChatQueries } from '../../../src/adapters/memory/memory-chat-queries.js';
import { MemoryCommandStore } from '../../../src/adapters/memory/memory-command-store.js';
import { MemoryEventLog } from '../../../src/adapters/memory/memory-event-log.js';
import { MemoryPartitionRegistry } from '../../../src/adapters/memory/memory-partition-registry.js';
import { MemoryWorld } from '../../../src/adapters/memory/memory-world.js';
import { storeConformance } from '../store-conformance.js';

describe('the in-memory store', () => {
  storeConformance(async () => {
    const world = new MemoryWorld();
    return {
      commands: new MemoryCommandStore(world),
      registry: new MemoryPartitionRegistry(world),
      log: new MemoryEventLog(world),
      queries: new MemoryChatQueries(world),
      history: new MemoryChatHistory(world),
      close: async () => undefined,
    };
  });
});
