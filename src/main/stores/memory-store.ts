import { randomBytes } from 'node:crypto';
import { MemoryApiKeys } from '../../adapters/stores/memory/memory-api-keys.js';
import { MemoryCommandStore } from '../../adapters/stores/memory/memory-command-store.js';
import { MemoryDecisionLog } from '../../adapters/stores/memory/memory-decision-log.js';
import { MemoryEventCursors } from '../../adapters/stores/memory/memory-event-cursors.js';
import { MemoryEventLog } from '../../adapters/stores/memory/memory-event-log.js';
import { MemoryFollowedLog } from '../../adapters/stores/memory/memory-followed-log.js';
import { MemoryLiveReaders } from '../../adapters/stores/memory/memory-live-readers.js';
import { MemoryPartitionRegistry } from '../../adapters/stores/memory/memory-partition-registry.js';
import { MemoryTables } from '../../adapters/stores/memory/memory-tables.js';
import { MemoryTokenRevocations } from '../../adapters/stores/memory/memory-token-revocations.js';
import { MemoryTransportState } from '../../adapters/stores/memory/memory-transport-state.js';
import { MemoryChatHistory } from '../../adapters/stores/memory/queries/memory-chat-history.js';
import { MemoryChatQueries } from '../../adapters/stores/memory/queries/memory-chat-queries.js';
import { MemoryMessageSearch } from '../../adapters/stores/memory/queries/memory-message-search.js';
import { MemoryRealtimeReads } from '../../adapters/stores/memory/queries/memory-realtime-reads.js';
import { MemorySyncLog } from '../../adapters/stores/memory/queries/memory-sync-log.js';
import { recordFleetSettings } from './record-fleet-settings.js';
import type { StoreIdentity, StoreOptions, StoreService } from './store.js';

const CURSOR_SECRET_BYTES = 32;

/** The store in the memory of this process. For trying Parley out, and for tests. */
export class MemoryStore implements StoreService {
  readonly name = 'in-memory store';
  readonly commands: MemoryCommandStore;
  readonly queries: MemoryChatQueries;
  readonly history: MemoryChatHistory;
  readonly search: MemoryMessageSearch;
  readonly searchIndex = null;
  readonly webhooks = null;
  readonly syncLog: MemorySyncLog;
  readonly realtime: MemoryRealtimeReads;
  readonly decisions: MemoryDecisionLog;
  readonly registry: MemoryPartitionRegistry;
  readonly liveReaders: MemoryLiveReaders;
  readonly tokenRevocations: MemoryTokenRevocations;
  readonly apiKeys: MemoryApiKeys;
  readonly transportState = new MemoryTransportState();
  readonly log: MemoryEventLog;
  readonly recipients: MemoryEventLog;
  readonly cursors: MemoryEventCursors;
  readonly followed: MemoryFollowedLog;
  readonly relayed: MemoryEventLog;
  readonly identity: StoreIdentity;

  readonly storedPlacement = null;

  constructor(private readonly options: StoreOptions) {
    const tables = new MemoryTables();
    this.commands = new MemoryCommandStore(tables);
    this.queries = new MemoryChatQueries(tables);
    this.history = new MemoryChatHistory(tables);
    this.search = new MemoryMessageSearch(tables);
    this.syncLog = new MemorySyncLog(tables);
    this.realtime = new MemoryRealtimeReads(tables);
    this.decisions = new MemoryDecisionLog(tables);
    this.registry = new MemoryPartitionRegistry(tables);
    this.liveReaders = new MemoryLiveReaders(tables);
    this.tokenRevocations = new MemoryTokenRevocations(tables);
    this.apiKeys = new MemoryApiKeys(tables);
    this.log = new MemoryEventLog(tables);
    this.recipients = this.log;
    this.cursors = new MemoryEventCursors(tables);
    this.followed = new MemoryFollowedLog(tables);
    this.relayed = this.log;
    this.identity = { storeId: tables.storeId, cursorSecret: randomBytes(CURSOR_SECRET_BYTES).toString('hex') };
    options.basics.health.add('database', () => ({ ok: true, detail: 'in memory, kept until the process ends' }));
  }

  start(): Promise<void> {
    return recordFleetSettings(this.registry, this.options.settings);
  }

  async settleSearch(): Promise<boolean> {
    return true;
  }

  async stop(): Promise<void> {}
}
