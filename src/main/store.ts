/** The store as the roles see it, on Prisma. */
import { fileURLToPath } from 'node:url';
import { PrismaChatHistory } from '../adapters/prisma/prisma-chat-history.js';
import { PrismaChatQueries } from '../adapters/prisma/prisma-chat-queries.js';
import { PrismaCommandStore } from '../adapters/prisma/prisma-command-store.js';
import { assertMigrated, openDatabase, pingDatabase } from '../adapters/prisma/prisma-database.js';
import { PrismaEventLog } from '../adapters/prisma/prisma-event-log.js';
import { PrismaPartitionRegistry } from '../adapters/prisma/prisma-partition-registry.js';
import { type Placement, PrismaStoreIdentity } from '../adapters/prisma/prisma-store-identity.js';
import type { ChatHistory } from '../application/ports/chat-history.js';
import type { ChatQueries } from '../application/ports/chat-queries.js';
import type { CommandStore } from '../application/ports/command-store.js';
import type { EventLog } from '../application/ports/event-log.js';
import type { PartitionRegistry } from '../application/ports/partition-registry.js';
import type { Service } from '../infrastructure/process-life.js';
import { rethrowAsStartFault, StartFault } from '../infrastructure/start-fault.js';
import type { ProcessBasics } from './process-basics.js';
import type { Settings } from './settings.js';

/** `prisma/migrations`, beside the compiled program. */
export const migrationsFolder = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

export interface Store {
  commands: CommandStore;
  queries: ChatQueries;
  history: ChatHistory;
  registry: PartitionRegistry;
  log: EventLog;
  cursorSecret(): Promise<string>;
}

const PING_INTERVAL_MS = 2_000;

/** The database: at start it must be migrated and be this fleet's; then it is watched. */
export class StoreService implements Service, Store {
  readonly name = 'database';
  readonly commands: CommandStore;
  readonly queries: ChatQueries;
  readonly history: ChatHistory;
  readonly registry: PartitionRegistry;
  readonly log: EventLog;
  private readonly database;
  private readonly identity: PrismaStoreIdentity;
  private timer: NodeJS.Timeout | null = null;
  private state = { ok: false, detail: 'not asked yet' };
  private isStopped = false;

  constructor(
    private readonly settings: Settings,
    basics: ProcessBasics,
    url: string,
    private readonly placement: Placement,
    private readonly refusesOtherPlacement = true,
  ) {
    this.database = openDatabase({
      url,
      poolSize: settings.databasePoolSize,
      onConnectionError: (error) => {
        // Closing the pool does not wait for its connections, and in `dev` the server ends right after it.
        if (!this.isStopped) basics.logger.warn('database connection lost', { error });
      },
    });
    basics.health.add('database', () => this.state);
    this.commands = new PrismaCommandStore(this.database);
    this.queries = new PrismaChatQueries(this.database);
    this.history = new PrismaChatHistory(this.database);
    this.registry = new PrismaPartitionRegistry(this.database);
    this.log = new PrismaEventLog(this.database);
    this.identity = new PrismaStoreIdentity(this.database);
  }

  cursorSecret(): Promise<string> {
    return this.identity.cursorSecret();
  }

  async start(): Promise<void> {
    await assertMigrated(this.database).catch(rethrowAsStartFault);
    await this.settle();
    if (this.refusesOtherPlacement && (await this.isPlacedOtherwise()))
      throw new StartFault([
        `the chats in this database were not placed by the ${this.placement === 'ring' ? 'broker' : this.placement}: start \`parley dev\` on it once to place them anew`,
      ]);
    await this.ping();
    this.timer = setInterval(() => void this.ping(), PING_INTERVAL_MS);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.database.$disconnect();
  }

  /** Another number of partitions would send chats to the wrong queues: found out before anything is declared. */
  private async settle(): Promise<void> {
    const { namespace, partitions } = this.settings;
    const settled = await this.registry.settle({ namespace, partitions });
    const faults: string[] = [];
    if (settled.partitions !== partitions)
      faults.push(
        `COMMAND_PARTITIONS is ${partitions}, but this database was first started with ${settled.partitions}`,
      );
    if (settled.namespace !== namespace)
      faults.push(`CHAT_NAMESPACE is ${namespace}, but this database was first started with ${settled.namespace}`);
    if (faults.length > 0) throw new StartFault(faults);
  }

  /** Whether the chats in this store were spread by another transport than the one it is used with now. */
  async isPlacedOtherwise(): Promise<boolean> {
    return (await this.identity.placement(this.placement)) !== this.placement;
  }

  placeAnew(): Promise<void> {
    return this.identity.placeAnew(this.placement);
  }

  private async ping(): Promise<void> {
    this.state = await pingDatabase(this.database).then(
      () => ({ ok: true, detail: 'answers' }),
      (error: Error) => ({ ok: false, detail: error.message }),
    );
  }
}
