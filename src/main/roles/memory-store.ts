import { randomBytes } from 'node:crypto';
import { MemoryChatHistory } from '../../adapters/stores/memory/memory-chat-history.js';
import { MemoryChatQueries } from '../../adapters/stores/memory/memory-chat-queries.js';
import { MemoryCommandStore } from '../../adapters/stores/memory/memory-command-store.js';
import { MemoryDecisionLog } from '../../adapters/stores/memory/memory-decision-log.js';
import { MemoryEventCursors } from '../../adapters/stores/memory/memory-event-cursors.js';
import { MemoryEventLog } from '../../adapters/stores/memory/memory-event-log.js';
import { MemoryFollowedLog } from '../../adapters/stores/memory/memory-followed-log.js';
import { MemoryMessageSearch } from '../../adapters/stores/memory/memory-message-search.js';
import { MemoryPartitionRegistry } from '../../adapters/stores/memory/memory-partition-registry.js';
import { MemorySyncLog } from '../../adapters/stores/memory/memory-sync-log.js';
import { MemoryWorld } from '../../adapters/stores/memory/memory-world.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import type { ProcessBasics } from '../observability.js';
import { type Settings, topologySettings } from '../settings.js';
import { settleStore } from './settle-store.js';
import type { Store, StoreIdentity } from './store.js';

const CURSOR_SECRET_BYTES = 32;

/** `STORE=memory`: everything is in this process and is lost when it ends. For trying Parley out, and for tests. */
export class MemoryStoreService implements Service, Store {
  readonly name = 'in-memory store';
  readonly commands: MemoryCommandStore;
  readonly queries: MemoryChatQueries;
  readonly history: MemoryChatHistory;
  readonly search: MemoryMessageSearch;
  readonly syncLog: MemorySyncLog;
  readonly decisions: MemoryDecisionLog;
  readonly registry: MemoryPartitionRegistry;
  readonly log: MemoryEventLog;
  readonly recipients: MemoryEventLog;
  readonly cursors: MemoryEventCursors;
  readonly followed: MemoryFollowedLog;
  readonly relayed: MemoryEventLog;
  readonly identity: StoreIdentity;

  constructor(
    private readonly settings: Settings,
    { health }: ProcessBasics,
  ) {
    const world = new MemoryWorld();
    this.commands = new MemoryCommandStore(world);
    this.queries = new MemoryChatQueries(world);
    this.history = new MemoryChatHistory(world);
    this.search = new MemoryMessageSearch(world);
    this.syncLog = new MemorySyncLog(world);
    this.decisions = new MemoryDecisionLog(world);
    this.registry = new MemoryPartitionRegistry(world);
    this.log = new MemoryEventLog(world);
    this.recipients = this.log;
    this.cursors = new MemoryEventCursors(world);
    this.followed = new MemoryFollowedLog(world);
    this.relayed = this.log;
    this.identity = { storeId: world.storeId, cursorSecret: randomBytes(CURSOR_SECRET_BYTES).toString('hex') };
    health.add('database', () => ({ ok: true, detail: 'in memory, kept until the process ends' }));
  }

  start(): Promise<void> {
    return settleStore(this.registry, topologySettings(this.settings));
  }

  async stop(): Promise<void> {}
}
