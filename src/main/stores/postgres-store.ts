import { PrismaCommandStore } from '../../adapters/stores/prisma/commands/prisma-command-store.js';
import type { PrismaClient } from '../../adapters/stores/prisma/generated/client.js';
import { PrismaDecisionLog } from '../../adapters/stores/prisma/log/prisma-decision-log.js';
import { PrismaEventCursors } from '../../adapters/stores/prisma/log/prisma-event-cursors.js';
import { PrismaEventLog } from '../../adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaFollowedLog } from '../../adapters/stores/prisma/log/prisma-followed-log.js';
import { PrismaSyncLog } from '../../adapters/stores/prisma/log/prisma-sync-log.js';
import { PrismaApiKeys } from '../../adapters/stores/prisma/prisma-api-keys.js';
import { PrismaConnectedUsers } from '../../adapters/stores/prisma/prisma-connected-users.js';
import {
  assertMigrated,
  openDatabase,
  pingDatabase,
  QUERY_TIMEOUT_MS,
} from '../../adapters/stores/prisma/prisma-database.js';
import { PrismaLiveReaders } from '../../adapters/stores/prisma/prisma-live-readers.js';
import { PrismaPartitionRegistry } from '../../adapters/stores/prisma/prisma-partition-registry.js';
import { PrismaStoreIdentity } from '../../adapters/stores/prisma/prisma-store-identity.js';
import { PrismaTokenRevocations } from '../../adapters/stores/prisma/prisma-token-revocations.js';
import { PrismaTransportState } from '../../adapters/stores/prisma/prisma-transport-state.js';
import { PrismaChatHistory } from '../../adapters/stores/prisma/queries/prisma-chat-history.js';
import { PrismaChatQueries } from '../../adapters/stores/prisma/queries/prisma-chat-queries.js';
import { PrismaRealtimeReads } from '../../adapters/stores/prisma/queries/prisma-realtime-reads.js';
import { PrismaMessageSearch } from '../../adapters/stores/prisma/search/prisma-message-search.js';
import { PrismaSearchIndex } from '../../adapters/stores/prisma/search/prisma-search-index.js';
import { PrismaSearchSwitch } from '../../adapters/stores/prisma/search/prisma-search-switch.js';
import { PrismaWebhookAdministration } from '../../adapters/stores/prisma/webhooks/prisma-webhook-administration.js';
import { PrismaWebhookDeliveries } from '../../adapters/stores/prisma/webhooks/prisma-webhook-deliveries.js';
import { WORKER_ALIVE_MS } from '../../application/coordinator/worker.js';
import type { ChatHistory } from '../../application/ports/queries/chat-history.js';
import type { ChatQueries } from '../../application/ports/queries/chat-queries.js';
import type { MessageSearch } from '../../application/ports/queries/message-search.js';
import type { RealtimeReads } from '../../application/ports/queries/realtime-reads.js';
import type { SyncLog } from '../../application/ports/queries/sync-log.js';
import type { ApiKeys } from '../../application/ports/store/api-keys.js';
import type { CommandStore } from '../../application/ports/store/command-store.js';
import type { DecisionLog } from '../../application/ports/store/decision-log.js';
import type { EventCursors } from '../../application/ports/store/log/event-cursors.js';
import type { EventLog } from '../../application/ports/store/log/event-log.js';
import type { FollowedLog } from '../../application/ports/store/log/followed-log.js';
import type { LiveReaders } from '../../application/ports/store/log/live-readers.js';
import type { PartitionRegistry } from '../../application/ports/store/partition-registry.js';
import type { SearchIndex } from '../../application/ports/store/search-index.js';
import type { TokenRevocations } from '../../application/ports/store/token-revocations.js';
import type { TransportState } from '../../application/ports/store/transport-state.js';
import { rethrowAsStartupError, StartupError } from '../../infrastructure/process/startup-error.js';
import type { ProcessBasics } from '../observability.js';
import { recordFleetSettings } from './record-fleet-settings.js';
import { retryUntilAvailable } from './retry-until-available.js';
import type { StoredPlacement, StoredWebhooks, StoreIdentity, StoreOptions, StoreService } from './store.js';
import { waitForDatabase } from './wait-for-database.js';

const PING_INTERVAL_MS = 2_000;
const ANSWERS = { ok: true, detail: 'answers' };

export interface PostgresSettings {
  /** Maximum connections of each pool. */
  databaseReadPool: number;
  databaseSearchPool: number;
  databaseBatchPool: number;
  databaseLeasePool: number;
  databaseRelayPool: number;
  search: 'on' | 'indexer' | 'off';
}

/**
 * The store in PostgreSQL. Its start waits while the database is unavailable. Then the database must be migrated, and
 * must belong to this fleet. While it runs, its health check pings the database.
 */
export class PostgresStore implements StoreService {
  readonly name = 'database';
  readonly commands: CommandStore;
  readonly queries: ChatQueries;
  readonly history: ChatHistory;
  readonly search: MessageSearch | null;
  readonly searchIndex: SearchIndex | null;
  readonly syncLog: SyncLog;
  readonly realtime: RealtimeReads;
  readonly decisions: DecisionLog;
  readonly registry: PartitionRegistry;
  readonly liveReaders: LiveReaders;
  readonly tokenRevocations: TokenRevocations;
  readonly apiKeys: ApiKeys;
  readonly transportState: TransportState;
  readonly webhooks: StoredWebhooks;
  readonly log: EventLog;
  readonly recipients: Pick<EventLog, 'recipients'>;
  readonly cursors: EventCursors;
  readonly followed: FollowedLog;
  readonly relayed: Pick<EventLog, 'recipients'>;
  readonly storedPlacement: StoredPlacement;
  /**
   * Each kind of work has its own connections, opened at first use: queries do not delay batches and heartbeats, and
   * searches do not delay other queries.
   */
  private readonly pools: Record<'leases' | 'reads' | 'searches' | 'batches' | 'relays', PrismaClient>;
  private readonly storeIdentity: PrismaStoreIdentity;
  private readonly basics: ProcessBasics;
  private known: StoreIdentity | null = null;
  private readonly life = new AbortController();
  private timer: NodeJS.Timeout | null = null;
  private state = { ok: false, detail: 'not asked yet' };
  private isStopped = false;

  constructor(private readonly options: StoreOptions<PostgresSettings>) {
    const { address: url, settings, basics, placement } = options;
    this.basics = basics;
    const connection = {
      url,
      onConnectionError: (error: Error) => {
        // Closing the pool does not wait for its connections. In `dev` the server stops right after that.
        if (!this.isStopped) basics.logger.warn('database connection lost', { error });
      },
    };
    const { databaseReadPool, databaseSearchPool, databaseBatchPool, databaseLeasePool, databaseRelayPool } = settings;
    const statementTimeoutMs = QUERY_TIMEOUT_MS;
    const leases = openDatabase({ ...connection, poolSize: databaseLeasePool });
    const reads = openDatabase({ ...connection, poolSize: databaseReadPool, statementTimeoutMs });
    const searches = openDatabase({ ...connection, poolSize: databaseSearchPool, statementTimeoutMs });
    // Its statements are planned with other settings.
    const batches = openDatabase({ ...connection, poolSize: databaseBatchPool, forBatches: true });
    // Log consumers never take a connection from batches, publishing or heartbeats.
    const relays = openDatabase({ ...connection, poolSize: databaseRelayPool });
    this.pools = { leases, reads, searches, batches, relays };
    basics.health.add('database', () => this.state);
    const hasSearch = settings.search !== 'off';
    this.commands = new PrismaCommandStore(batches, { hasSearch });
    this.queries = new PrismaChatQueries(reads);
    this.history = new PrismaChatHistory(reads);
    this.search = hasSearch ? new PrismaMessageSearch(searches) : null;
    this.searchIndex = hasSearch ? new PrismaSearchIndex(relays) : null;
    this.syncLog = new PrismaSyncLog(reads);
    this.realtime = new PrismaRealtimeReads(reads);
    this.decisions = new PrismaDecisionLog(reads);
    this.registry = new PrismaPartitionRegistry(leases);
    this.liveReaders = new PrismaLiveReaders(leases);
    this.tokenRevocations = new PrismaTokenRevocations(leases);
    this.apiKeys = new PrismaApiKeys(leases);
    this.transportState = new PrismaTransportState(leases);
    this.log = new PrismaEventLog(batches);
    this.recipients = new PrismaEventLog(reads);
    this.cursors = new PrismaEventCursors(relays);
    this.followed = new PrismaFollowedLog(relays);
    this.relayed = new PrismaEventLog(relays);
    this.webhooks = {
      administration: new PrismaWebhookAdministration(reads),
      deliveries: (schedule) => new PrismaWebhookDeliveries(relays, schedule),
      connected: new PrismaConnectedUsers(leases),
    };
    this.storeIdentity = new PrismaStoreIdentity(leases);
    this.storedPlacement = {
      isOfOtherTransport: async () => (await this.storeIdentity.placement(placement)) !== placement,
      clear: () => this.storeIdentity.placeAnew(placement),
    };
  }

  get identity(): StoreIdentity {
    if (this.known === null) throw new Error('the store was not started');
    return this.known;
  }

  async start(): Promise<void> {
    const { signal } = this.life;
    try {
      await this.untilUsable();
    } catch (error) {
      // After an interrupt, a statement in progress would delay the stop; the process ends without it.
      if (!signal.aborted) await this.stop();
      rethrowAsStartupError(error);
    }
    this.timer = setInterval(() => void this.ping(), PING_INTERVAL_MS);
  }

  settleSearch(): Promise<boolean> {
    const isOn = this.options.settings.search !== 'off';
    return new PrismaSearchSwitch(this.pools.leases).settle(isOn, WORKER_ALIVE_MS);
  }

  interrupt(): void {
    this.life.abort(new Error('told to stop'));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    await Promise.all(Object.values(this.pools).map((pool) => pool.$disconnect()));
  }

  /** Retries while the database is unavailable. Rejects if its content cannot be used. */
  private untilUsable(): Promise<void> {
    const { logger } = this.basics;
    const { signal } = this.life;
    const onAway = (why: string) => {
      this.state = { ok: false, detail: `away: ${why}` };
    };
    const attempt = async () => {
      await waitForDatabase({ url: this.options.address, logger, onAway, signal });
      await this.examine();
    };
    return retryUntilAvailable(attempt, { logger, signal, onAway });
  }

  /** Must succeed before anything is declared at the broker. */
  private async examine(): Promise<void> {
    const { settings, acceptsOtherPlacement = false } = this.options;
    await assertMigrated(this.pools.leases);
    await recordFleetSettings(this.registry, settings);
    if (!acceptsOtherPlacement && (await this.storedPlacement.isOfOtherTransport()))
      throw new StartupError([
        `the chats in this database were assigned to partitions by another transport: start \`parley dev\` on it once to assign them again`,
      ]);
    this.known = { storeId: await this.log.storeId(), cursorSecret: await this.storeIdentity.cursorSecret() };
    this.state = ANSWERS;
  }

  private async ping(): Promise<void> {
    this.state = await pingDatabase(this.pools.leases).then(
      () => ANSWERS,
      (error: Error) => ({ ok: false, detail: error.message }),
    );
  }
}
