/** The store as the roles see it, on Prisma. */
import { fileURLToPath } from 'node:url';
import { PrismaChatHistory } from '../adapters/prisma/prisma-chat-history.js';
import { PrismaChatQueries } from '../adapters/prisma/prisma-chat-queries.js';
import { PrismaCommandStore } from '../adapters/prisma/prisma-command-store.js';
import { assertMigrated, openDatabase, pingDatabase } from '../adapters/prisma/prisma-database.js';
import { PrismaDecisionLog } from '../adapters/prisma/prisma-decision-log.js';
import { PrismaEventLog } from '../adapters/prisma/prisma-event-log.js';
import { PrismaMessageSearch } from '../adapters/prisma/prisma-message-search.js';
import { PrismaPartitionRegistry } from '../adapters/prisma/prisma-partition-registry.js';
import { type Placement, PrismaStoreIdentity } from '../adapters/prisma/prisma-store-identity.js';
import { PrismaSyncLog } from '../adapters/prisma/prisma-sync-log.js';
import type { ChatHistory } from '../application/ports/chat-history.js';
import type { ChatQueries } from '../application/ports/chat-queries.js';
import type { CommandStore } from '../application/ports/command-store.js';
import type { DecisionLog } from '../application/ports/decision-log.js';
import type { EventLog } from '../application/ports/event-log.js';
import type { MessageSearch } from '../application/ports/message-search.js';
import type { PartitionRegistry } from '../application/ports/partition-registry.js';
import type { SyncLog } from '../application/ports/sync-log.js';
import type { Service } from '../infrastructure/process-life.js';
import { rethrowAsStartFault, StartFault } from '../infrastructure/start-fault.js';
import { insist } from './insist.js';
import type { ProcessBasics } from './process-basics.js';
import type { Settings } from './settings.js';
import { settleStore } from './settle-store.js';
import { waitForDatabase } from './wait-for-database.js';

/** `prisma/migrations`, beside the compiled program. */
export const migrationsFolder = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

export interface Store {
  commands: CommandStore;
  queries: ChatQueries;
  history: ChatHistory;
  search: MessageSearch;
  syncLog: SyncLog;
  decisions: DecisionLog;
  registry: PartitionRegistry;
  log: EventLog;
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
  private readonly database;
  /** Its own connections, which plan differently. None is opened where nobody stores commands. */
  private readonly databaseForBatches;
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
      poolSize: settings.databasePoolSize,
      onConnectionError: (error: Error) => {
        // Closing the pool does not wait for its connections, and in `dev` the server ends right after it.
        if (!this.isStopped) basics.logger.warn('database connection lost', { error });
      },
    };
    this.database = openDatabase(options);
    this.databaseForBatches = openDatabase({ ...options, forBatches: true });
    basics.health.add('database', () => this.state);
    this.commands = new PrismaCommandStore(this.databaseForBatches);
    this.queries = new PrismaChatQueries(this.database);
    this.history = new PrismaChatHistory(this.database);
    this.search = new PrismaMessageSearch(this.database);
    this.syncLog = new PrismaSyncLog(this.database);
    this.decisions = new PrismaDecisionLog(this.database);
    this.registry = new PrismaPartitionRegistry(this.database);
    this.log = new PrismaEventLog(this.database);
    this.marks = new PrismaStoreIdentity(this.database);
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
      rethrowAsStartFault(error);
    }
    this.timer = setInterval(() => void this.ping(), PING_INTERVAL_MS);
  }

  interrupt(): void {
    this.life.abort(new Error('told to stop'));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    await Promise.all([this.database.$disconnect(), this.databaseForBatches.$disconnect()]);
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
    return insist(look, { logger, signal, onAway });
  }

  /** What must hold before anything is declared at the broker. */
  private async examine(): Promise<void> {
    await assertMigrated(this.database);
    await settleStore(this.registry, this.settings);
    if (this.refusesOtherPlacement && (await this.isPlacedOtherwise()))
      throw new StartFault([
        `the chats in this database were not placed by the ${this.placement === 'ring' ? 'broker' : this.placement}: start \`parley dev\` on it once to place them anew`,
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
    this.state = await pingDatabase(this.database).then(
      () => ANSWERS,
      (error: Error) => ({ ok: false, detail: error.message }),
    );
  }
}
