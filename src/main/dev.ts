/**
 * `parley dev`: everything in one process. What no URL names is started privately, in `DATA_DIR`, and kept there between starts.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { directChatId } from '../contract/direct-id.js';
import { DEFAULT_TENANT } from '../contract/identifiers.js';
import { type DataFolderLock, lockDataFolder } from '../infrastructure/embedded/data-folder.js';
import { type PostgresServer, startPostgres } from '../infrastructure/embedded/postgres-server.js';
import { findRabbitmq, type RabbitmqNode, startRabbitmq } from '../infrastructure/embedded/rabbitmq-node.js';
import { migrate } from '../infrastructure/migrations.js';
import { runServices, type Service } from '../infrastructure/process-life.js';
import { type Banner, printBanner } from './dev-banner.js';
import { placeChatsAnew } from './dev-placement.js';
import { keepSecret } from './dev-secret.js';
import { OpsService, processBasics, processLogger, service } from './process-basics.js';
import { apiRole, newWorkerId, workerRole } from './roles.js';
import { requireSettings, type Settings, StartFault } from './settings.js';
import { migrationsFolder, StoreService } from './store.js';
import { signActorToken } from './token-command.js';
import { amqpTransport, inProcessTransport, type Transport } from './transport.js';

const DEV_HOST = '127.0.0.1';
const DEV_TOKEN_TTL_SECONDS = 24 * 3600;
const DEMO_ACTOR = 'alice';
const DEMO_PEER = 'bob';
const DEMO_COMMAND_ID = 'parley-dev-first-chat';

/** The private services: up before anything that needs them, down after it, and gone at once on a second Ctrl-C. */
class EmbeddedServices implements Service {
  readonly name = 'embedded services';
  /** RabbitMQ takes its time to stop in good order. */
  readonly stopTimeoutMs = 20_000;
  postgres: PostgresServer | null = null;
  rabbitmq: RabbitmqNode | null = null;

  constructor(
    private readonly lock: DataFolderLock,
    private readonly dataDir: string,
    private readonly wants: { postgres: boolean; rabbitmq: boolean },
  ) {}

  async start(): Promise<void> {
    const starting = [
      this.wants.postgres &&
        startPostgres({ folder: join(this.dataDir, 'postgres') }).then((server) => {
          this.postgres = server;
        }),
      this.wants.rabbitmq &&
        startRabbitmq({ folder: join(this.dataDir, 'rabbitmq') }).then((node) => {
          this.rabbitmq = node;
        }),
    ];
    const failed = (await Promise.allSettled(starting)).find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) {
      await this.stop();
      throw failed.reason;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.rabbitmq?.stop(), this.postgres?.stop()]);
    await this.lock.release();
  }

  abandon(): void {
    for (const server of [this.rabbitmq, this.postgres]) {
      if (server === null) continue;
      try {
        process.kill(server.pid, 'SIGKILL');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }
}

/** A first chat to send to, so that the banner's command works as it stands. Repeating it changes nothing. */
async function createDemoChat(transport: Transport, chatId: string, authorization: string | null): Promise<void> {
  const command = { actorId: DEMO_ACTOR, chatId, data: { kind: 'direct', memberIds: [DEMO_PEER] } };
  const receipt = await transport.door.request(
    {
      type: 'chat.create',
      commandId: DEMO_COMMAND_ID,
      routingKey: chatId,
      body: Buffer.from(JSON.stringify(command)),
      authorization,
      traceparent: null,
      tracestate: null,
    },
    DEMO_WAIT_MS,
  );
  if (receipt?.status !== 'accepted')
    throw new Error(`the first chat could not be created: ${receipt?.reason?.code ?? 'no receipt'}`);
}

const DEMO_WAIT_MS = 10_000;

export async function runDev(): Promise<void> {
  const startedAt = performance.now();
  const given = requireSettings('dev');
  const dataDir = resolve(given.dataDir);
  mkdirSync(dataDir, { recursive: true });
  const lock = await lockDataFolder(dataDir).catch((error: Error) => {
    throw new StartFault([error.message]);
  });
  const needsSecret = given.jwtSecret === undefined && given.jwtJwksUrl === undefined;
  const settings: Settings = {
    ...given,
    ...(needsSecret ? { jwtSecret: keepSecret(dataDir) } : {}),
    host: given.host ?? DEV_HOST,
  };
  const wants = {
    postgres: settings.databaseUrl === undefined,
    rabbitmq: settings.amqpUrl === undefined && findRabbitmq() !== undefined,
  };
  const embedded = new EmbeddedServices(lock, dataDir, wants);
  const startLogger = processLogger(settings, 'dev');
  // The private services come first and are needed to compose the rest; so the rest is one service that is composed when they are up.
  const rest = new DevProcess(settings, embedded, startedAt);
  await runServices([embedded, rest], { logger: startLogger });
}

/** The roles and what they stand on, composed once the private services are up. */
class DevProcess implements Service {
  readonly name = 'parley';
  readonly stopTimeoutMs = 30_000;
  private started: Service[] = [];

  constructor(
    private readonly settings: Settings,
    private readonly embedded: EmbeddedServices,
    private readonly startedAt: number,
  ) {}

  async start(): Promise<void> {
    const { settings, embedded } = this;
    const { host = DEV_HOST } = settings;
    const basics = processBasics(settings, 'dev');
    const databaseUrl = settings.databaseUrl ?? embedded.postgres?.url ?? '';
    const amqpUrl = settings.amqpUrl ?? embedded.rabbitmq?.url;
    await migrate({ url: databaseUrl, folder: migrationsFolder });
    const workerId = newWorkerId();
    const placement = amqpUrl === undefined ? 'in-process' : 'ring';
    const store = new StoreService(settings, basics, databaseUrl, placement, false);
    const transport =
      amqpUrl === undefined
        ? inProcessTransport(settings, basics, workerId)
        : amqpTransport(amqpUrl, settings, basics, store.registry, workerId);
    const context = { ...basics, settings, store, transport };
    let restPort = settings.port;
    const services = [
      new OpsService(basics, settings.opsPort, host),
      store,
      transport,
      service(
        'placement',
        async () => {
          if (await store.isPlacedOtherwise()) await placeChatsAnew(store, context, workerId);
        },
        async () => undefined,
      ),
      workerRole(context, workerId),
      apiRole(context, host, (port) => {
        restPort = port;
      }),
    ];
    for (const one of services) {
      await one.start();
      this.started.push(one);
    }
    await this.welcome(transport, { host, restPort, databaseUrl, amqpUrl });
  }

  async stop(): Promise<void> {
    for (const one of this.started.reverse()) await one.stop();
  }

  private async welcome(
    transport: Transport,
    at: { host: string; restPort: number; databaseUrl: string; amqpUrl: string | undefined },
  ): Promise<void> {
    const { settings, embedded } = this;
    const { jwtSecret } = settings;
    const token =
      jwtSecret === undefined
        ? null
        : await signActorToken(settings, jwtSecret, { actor: DEMO_ACTOR, ttlSeconds: DEV_TOKEN_TTL_SECONDS });
    const chatId = directChatId(DEFAULT_TENANT, DEMO_ACTOR, DEMO_PEER);
    await createDemoChat(transport, chatId, token === null ? null : `Bearer ${token}`);
    const banner: Banner = {
      ...at,
      opsPort: settings.opsPort,
      dataDir: resolve(settings.dataDir),
      postgresIsEmbedded: embedded.postgres !== null,
      rabbitmqIsEmbedded: embedded.rabbitmq !== null,
      token,
      actor: DEMO_ACTOR,
      chatId,
      tookMs: performance.now() - this.startedAt,
    };
    printBanner(banner);
  }
}
