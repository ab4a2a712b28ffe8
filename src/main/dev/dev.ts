/**
 * `parley dev`: everything in one process. What no URL names is started privately, in `DATA_DIR`, and kept there
 * between starts.
 */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { OtherStore } from '../../adapters/transports/amqp/topology/store-exchange.js';
import type { Failpoints } from '../../application/runtime/failpoints.js';
import { type DataFolderLock, lockDataFolder } from '../../infrastructure/embedded/data-folder.js';
import { findRabbitmq } from '../../infrastructure/embedded/rabbitmq-program.js';
import { isPortFree } from '../../infrastructure/free-port.js';
import { migrate } from '../../infrastructure/postgres/migrations.js';
import { runServices, type Service } from '../../infrastructure/process/service-runner.js';
import { rethrowAsStartupError, StartupError } from '../../infrastructure/process/startup-error.js';
import { OpsService, type ProcessBasics, processBasics, service } from '../observability.js';
import { apiRole } from '../roles/api-role.js';
import { MemoryStoreService } from '../roles/memory-store.js';
import { policyService } from '../roles/policy.js';
import { relayRole } from '../roles/relay-role.js';
import { migrationsFolder, StoreService } from '../roles/store.js';
import { amqpTransport, inProcessTransport, type Transport } from '../roles/transport.js';
import { newWorkerId, workerRole } from '../roles/worker-role.js';
import { requireSettings, type Settings } from '../settings.js';
import type { Addresses } from './dev-banner.js';
import { placeChatsAnew } from './dev-placement.js';
import { PrivateServices } from './dev-private-services.js';
import { keepSecret } from './dev-secret.js';
import { welcome } from './dev-seed.js';
import { devTryOut } from './dev-try-out.js';

const DEV_HOST = '127.0.0.1';
const SECRET_BYTES = 32;

/** `steps` is for the fault tests. */
export async function runDev(steps?: Failpoints): Promise<void> {
  const startedAt = performance.now();
  const given = requireSettings('dev');
  const basics = processBasics(given, 'dev');
  await runServices(devServices(given, basics, startedAt, steps), { logger: basics.logger, signals: endingSignals() });
}

/**
 * On a terminal SIGHUP says that it was closed; the private services, in process groups of their own, do not hear of
 * it.
 */
function endingSignals(): NodeJS.Signals[] {
  return ['SIGTERM', 'SIGINT', ...(process.stdin.isTTY ? (['SIGHUP'] as const) : [])];
}

/** Taken one by one, each when the one before is up. */
function* devServices(
  given: Settings,
  basics: ProcessBasics,
  startedAt: number,
  steps: Failpoints | undefined,
): Generator<Service, void, void> {
  const { port, opsPort, host = DEV_HOST } = given;
  const dataDir = resolve(given.dataDir);
  const isInMemory = given.store === 'memory';
  const wanted = {
    postgres: given.databaseUrl === undefined && !isInMemory,
    rabbitmq: given.amqpUrl === undefined && given.transport !== 'in-process' && findRabbitmq() !== undefined,
  };
  let isComplete = false;
  basics.health.add('start', () => ({ ok: isComplete, detail: isComplete ? 'complete' : 'starting' }));
  if (!isInMemory) yield dataFolder(dataDir);
  const ops = new OpsService(basics, opsPort, host);
  yield ops;
  yield service('REST port', () => assertPortFree(port, host));
  const own = new PrivateServices(dataDir, wanted, basics);
  if (!isInMemory) yield own;
  if (given.transport === 'amqp' && given.amqpUrl === undefined && !wanted.rabbitmq)
    throw new StartupError(['TRANSPORT=amqp needs AMQP_URL, or rabbitmq-server on the PATH']);

  // The private services are up, so that all addresses are known.
  const settings: Settings = {
    ...given,
    // Whoever tries things out may consume a queue of their own, and never the default one.
    dispatchWhenFull: given.dispatchWhenFull ?? 'drop-oldest',
    jwtSecret:
      given.jwtJwksUrl === undefined
        ? (given.jwtSecret ?? (isInMemory ? drawSecret() : keepSecret(dataDir)))
        : undefined,
  };
  const databaseUrl = settings.databaseUrl ?? own.postgres?.url ?? '';
  const amqpUrl = settings.amqpUrl ?? own.rabbitmq?.url;
  if (!isInMemory)
    yield service('migrations', async () => {
      await migrate({ url: databaseUrl, folder: migrationsFolder }).catch((error: unknown) =>
        rethrowAsStartupError(error, 'the database could not be migrated'),
      );
    });
  const workerId = newWorkerId();
  const placement = amqpUrl === undefined ? 'in-process' : 'ring';
  const store = isInMemory
    ? new MemoryStoreService(settings, basics)
    : new StoreService(settings, basics, databaseUrl, placement, false);
  const transport =
    amqpUrl === undefined
      ? inProcessTransport(settings, basics, workerId)
      : amqpTransport(amqpUrl, settings, basics, store, workerId);
  if (wanted.rabbitmq) explainOtherStore(transport, join(dataDir, 'rabbitmq'));
  const policy = policyService(settings, basics, store);
  const context = { ...basics, settings, store, transport, policy: policy.current, quotas: policy.quotas };
  yield store;
  yield policy;
  yield transport;
  if (store instanceof StoreService)
    yield service('placement', async () => {
      if (await store.isPlacedOtherwise()) await placeChatsAnew(store, context, workerId);
    });
  yield workerRole(context, workerId, steps);
  if (settings.jsonLinesDir !== undefined) yield relayRole(context, workerId, steps);
  let restPort = port;
  yield apiRole(context, host, {
    onListening(listening) {
      restPort = listening;
    },
    tryOut: devTryOut(context),
  });
  yield service('welcome', async () => {
    const addresses: Addresses = {
      ...{ host, restPort, dataDir, opsPort: ops.port },
      database: isInMemory
        ? null
        : { url: databaseUrl, isPrivate: wanted.postgres, programsCopy: own.postgres?.programsCopy },
      broker:
        amqpUrl === undefined
          ? null
          : { url: amqpUrl, isPrivate: wanted.rabbitmq, managementPort: own.rabbitmq?.managementPort },
    };
    isComplete = true;
    await welcome(context, addresses, startedAt);
  });
}

/** A private broker runs only while `dev` does, so that its namespace cannot be adopted by another command. */
function explainOtherStore(transport: Transport, folder: string): void {
  const start = transport.start.bind(transport);
  transport.start = async () => {
    try {
      await start();
    } catch (error) {
      if (!(error instanceof StartupError && error.cause instanceof OtherStore)) throw error;
      throw new StartupError(
        [
          `the private broker in ${folder} belongs to another database: remove this folder; the messages in its queues are lost`,
        ],
        { cause: error },
      );
    }
  };
}

function drawSecret(): string {
  return randomBytes(SECRET_BYTES).toString('hex');
}

/** The folder is this process's for as long as it runs. */
function dataFolder(path: string): Service {
  let lock: DataFolderLock | null = null;
  return {
    name: 'data folder',
    async start() {
      lock = await lockDataFolder(path).catch(rethrowAsStartupError);
    },
    async stop() {
      await lock?.release();
    },
    abandon() {
      void lock?.release();
    },
  };
}

/** Found out before the private services take their time. */
async function assertPortFree(port: number, host: string): Promise<void> {
  if (port !== 0 && !(await isPortFree(port, host).catch(rethrowAsStartupError)))
    throw new StartupError([`cannot listen on ${host}:${port}: the port is in use`]);
}
