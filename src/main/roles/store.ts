/** The store as the roles see it, on Prisma. */
import { fileURLToPath } from 'node:url';
import { PrismaCommandStore } from '../../adapters/stores/prisma/commands/prisma-command-store.js';
import type { PrismaClient } from '../../adapters/stores/prisma/generated/client.js';
import { PrismaDecisionLog } from '../../adapters/stores/prisma/log/prisma-decision-log.js';
import { PrismaEventCursors } from '../../adapters/stores/prisma/log/prisma-event-cursors.js';
import { PrismaEventLog } from '../../adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaFollowedLog } from '../../adapters/stores/prisma/log/prisma-followed-log.js';
import { PrismaSyncLog } from '../../adapters/stores/prisma/log/prisma-sync-log.js';
import {
  assertMigrated,
  openDatabase,
  pingDatabase,
  QUERY_TIMEOUT_MS,
} from '../../adapters/stores/prisma/prisma-database.js';
import { PrismaPartitionRegistry } from '../../adapters/stores/prisma/prisma-partition-registry.js';
import { type Placement, PrismaStoreIdentity } from '../../adapters/stores/prisma/prisma-store-identity.js';
import { PrismaChatHistory } from '../../adapters/stores/prisma/queries/prisma-chat-history.js';
import { PrismaChatQueries } from '../../adapters/stores/prisma/queries/prisma-chat-queries.js';
import { PrismaMessageSearch } from '../../adapters/stores/prisma/search/prisma-message-search.js';
import type { ChatHistory } from '../../application/ports/chat-history.js';
import type { ChatQueries } from '../../application/ports/chat-queries.js';
import type { CommandStore } from '../../application/ports/command-store.js';
import type { DecisionLog } from '../../application/ports/decision-log.js';
import type { EventCursors } from '../../application/ports/event-cursors.js';
import type { EventLog } from '../../application/ports/event-log.js';
import type { FollowedLog } from '../../application/ports/followed-log.js';
import type { MessageSearch } from '../../application/ports/message-search.js';
import type { PartitionRegistry } from '../../application/ports/partition-registry.js';
import type { SyncLog } from '../../application/ports/sync-log.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { rethrowAsStartupError, StartupError } from '../../infrastructure/process/startup-error.js';
import type { ProcessBasics } from '../observability.js';
import type { Settings } from '../settings.js';
import { retryUntilAvailable } from './retry-until-available.js';
import { settleStore } from './settle-store.js';
import { waitForDatabase } from './wait-for-database.js';

/** `prisma/migrations`, beside the compiled program. */
export const migrationsFolder = fileURLToPath(new URL('../../../../prisma/migrations', import.meta.url));

export interface Store {
  commands: CommandStore;
  queries: ChatQueries;
  history: ChatHistory;
  search: MessageSearch;
  syncLog: SyncLog;
  decisions: DecisionLog;
  registry: PartitionRegistry;
  /** For those who publish. */
  log: EventLog;
  /** The same for queries of REST. */
  recipients: Pick<EventLog, 'recipients'>;
  /** For relays: cursors of log consumers, the log as they read it, and the present members of its chats. */
  cursors: EventCursors;
  followed: FollowedLog;
  relayed: Pick<EventLog, 'recipients'>;
  /** Read at the start, so that the roles need not ask a database that may be away again. */
  identity: StoreIdentity;
}

export interface StoreIdentity {
  storeId: string;
  cursorSecret: string;
}

const PING_INTERVAL_MS = 2_000;
const ANSWERS = { ok: true, detail: 'answers' };

/** The database: waited for while it is away; then it must be migrated and be this fleet's; then it is watched. */
export class StoreService implements Service, Store {
  readonly name = 'database';
  readonly commands: CommandStore;
  readonly queries: ChatQueries;
  readonly history: ChatHistory;
  readonly search: MessageSearch;
  readonly syncLog: SyncLog;
  readonly decisions: DecisionLog;
  readonly registry: PartitionRegistry;
  readonly log: EventLog;
  readonly recipients: Pick<EventLog, 'recipients'>;
  readonly cursors: EventCursors;
  readonly followed: FollowedLog;
  readonly relayed: Pick<EventLog, 'recipients'>;
  /**
   * Each kind of work has its own connections, opened at first use: whatever queries are asked for, batches and
   * heartbeats go on, and searches
   * do not hold up other queries.
   */
  private readonly pools: Record<'leases' | 'reads' | 'searches' | 'batches' | 'relays', PrismaClient>;
  private readonly marks: PrismaStoreIdentity;
  private known: StoreIdentity | null = null;
  private readonly life = new AbortController();
  private timer: NodeJS.Timeout | null = null;
  private state = { ok: false, detail: 'not asked yet' };
  private isStopped = false;

  constructor(
    private readonly settings: Settings,
    private readonly basics: ProcessBasics,
    private readonly url: string,
    private readonly placement: Placement,
    private readonly refusesOtherPlacement = true,
  ) {
    const options = {
      url,
      onConnectionError: (error: Error) => {
        // Closing the pool does not wait for its connections, and in `dev` the server ends right after it.
        if (!this.isStopped) basics.logger.warn('database connection lost', { error });
      },
    };
    const { databaseReadPool, databaseSearchPool, databaseBatchPool, databaseLeasePool, databaseRelayPool } = settings;
    const statementTimeoutMs = QUERY_TIMEOUT_MS;
    const leases = openDatabase({ ...options, poolSize: databaseLeasePool });
    const reads = openDatabase({ ...options, poolSize: databaseReadPool, statementTimeoutMs });
    const searches = openDatabase({ ...options, poolSize: databaseSearchPool, statementTimeoutMs });
    // These plan differently.
    const batches = openDatabase({ ...options, poolSize: databaseBatchPool, forBatches: true });
    // Log consumers never take a connection from batches, publishing or heartbeats.
    const relays = openDatabase({ ...options, poolSize: databaseRelayPool });
    this.pools = { leases, reads, searches, batches, relays };
    basics.health.add('database', () => this.state);
    this.commands = new PrismaCommandStore(batches);
    this.queries = new PrismaChatQueries(reads);
    this.history = new PrismaChatHistory(reads);
    this.search = new PrismaMessageSearch(searches);
    this.syncLog = new PrismaSyncLog(reads);
    this.decisions = new PrismaDecisionLog(reads);
    this.registry = new PrismaPartitionRegistry(leases);
    this.log = new PrismaEventLog(batches);
    this.recipients = new PrismaEventLog(reads);
    this.cursors = new PrismaEventCursors(relays);
    this.followed = new PrismaFollowedLog(relays);
    this.relayed = new PrismaEventLog(relays);
    this.marks = new PrismaStoreIdentity(leases);
  }

  get identity(): StoreIdentity {
    if (this.known === null) throw new Error('the store was not started');
    return this.known;
  }

  async start(): Promise<void> {
    const { signal } = this.life;
    try {
      await this.begin();
    } catch (error) {
      // A statement under way would hold this up; the process ends without it.
      if (!signal.aborted) await this.stop();
      rethrowAsStartupError(error);
    }
    this.timer = setInterval(() => void this.ping(), PING_INTERVAL_MS);
  }

  interrupt(): void {
    this.life.abort(new Error('told to stop'));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    await Promise.all(Object.values(this.pools).map((pool) => pool.$disconnect()));
  }

  /** However long the database is away, this waits; with a fault of what is in it, it does not. */
  private begin(): Promise<void> {
    const { url } = this;
    const { logger } = this.basics;
    const { signal } = this.life;
    const onAway = (why: string) => {
      this.state = { ok: false, detail: `away: ${why}` };
    };
    const look = async () => {
      await waitForDatabase({ url, logger, onAway, signal });
      await this.examine();
    };
    return retryUntilAvailable(look, { logger, signal, onAway });
  }

  /** What must hold before anything is declared at the broker. */
  private async examine(): Promise<void> {
    await assertMigrated(this.pools.leases);
    await settleStore(this.registry, this.settings);
    if (this.refusesOtherPlacement && (await this.isPlacedOtherwise()))
      throw new StartupError([
        `the chats in this database were assigned to partitions by another transport: start \`parley dev\` on it once to assign them again`,
      ]);
    this.known = { storeId: await this.log.storeId(), cursorSecret: await this.marks.cursorSecret() };
    this.state = ANSWERS;
  }

  /** Whether the chats in this store were spread by another transport than the one it is used with now. */
  async isPlacedOtherwise(): Promise<boolean> {
    return (await this.marks.placement(this.placement)) !== this.placement;
  }

  placeAnew(): Promise<void> {
    return this.marks.placeAnew(this.placement);
  }

  private async ping(): Promise<void> {
    this.state = await pingDatabase(this.pools.leases).then(
      () => ANSWERS,
      (error: Error) => ({ ok: false, detail: error.message }),
    );
  }
}
