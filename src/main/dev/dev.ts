/**
 * `parley dev`: all roles in one process. The database and the broker that no URL names are started as private services
 * in `DATA_DIR`, and their data is kept there between starts.
 */
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { OtherStore } from '../../adapters/transports/amqp/topology/namespace-claim.js';
import type { Failpoints } from '../../application/runtime/failpoints.js';
import { type DataFolderLock, lockDataFolder } from '../../infrastructure/embedded/data-folder.js';
import { findRabbitmq } from '../../infrastructure/embedded/rabbitmq-program.js';
import { isPortFree } from '../../infrastructure/free-port.js';
import { runServices, type Service, service } from '../../infrastructure/process/service-runner.js';
import { rethrowAsStartupError, StartupError } from '../../infrastructure/process/startup-error.js';
import { connectOnce } from '../cli/connect-broker.js';
import { OpsService, type ProcessBasics, processBasics } from '../observability.js';
import { policyService } from '../policy/policy-service.js';
import { hasChatPage } from '../roles/chat-page.js';
import { HttpPort } from '../roles/http-port.js';
import { roles } from '../roles/registry.js';
import type { RoleContext } from '../roles/role.js';
import { newWorkerId } from '../roles/worker-id.js';
import { requireSettings, type Settings } from '../settings.js';
import { storeKind } from '../stores/registry.js';
import { transportKind } from '../transports/registry.js';
import type { TransportService } from '../transports/transport.js';
import type { Addresses } from './dev-banner.js';
import { devDemoUsers } from './dev-demo-users.js';
import { reassignChats } from './dev-placement.js';
import { PrivateServices } from './dev-private-services.js';
import { keepSecret } from './dev-secret.js';
import { welcome } from './dev-seed.js';
import { devTryOut } from './dev-try-out.js';

const DEV_HOST = '127.0.0.1';
const SECRET_BYTES = 32;

/** `failpoints` is for the fault tests. */
export async function runDev(failpoints?: Failpoints): Promise<void> {
  const startedAt = performance.now();
  const given = requireSettings('dev');
  const basics = processBasics(given, 'dev');
  const services = devServices(given, basics, startedAt, failpoints);
  await runServices(services, { logger: basics.logger, signals: endingSignals() });
}

/** On a terminal, SIGHUP means that the terminal was closed. The private services do not get it. */
function endingSignals(): NodeJS.Signals[] {
  return ['SIGTERM', 'SIGINT', ...(process.stdin.isTTY ? (['SIGHUP'] as const) : [])];
}

/** The runner takes each service when the one before has started. */
async function* devServices(
  given: Settings,
  basics: ProcessBasics,
  startedAt: number,
  failpoints: Failpoints | undefined,
): AsyncGenerator<Service, void, void> {
  const { port, opsPort, host = DEV_HOST } = given;
  const dataDir = resolve(given.dataDir);
  const hasRabbitmq = findRabbitmq() !== undefined;
  const kinds = {
    store: storeKind(given.store),
    transport: transportKind(given.transport ?? (given.amqpUrl !== undefined || hasRabbitmq ? 'amqp' : 'in-process')),
  };
  const { durable: keepsData } = kinds.store.capabilities;
  const wanted = {
    postgres: kinds.store.name === 'postgres' && given.databaseUrl === undefined,
    rabbitmq: kinds.transport.name === 'amqp' && given.amqpUrl === undefined,
  };
  let isComplete = false;
  basics.health.add('start', () => ({ ok: isComplete, detail: isComplete ? 'complete' : 'starting' }));
  if (keepsData) yield dataFolder(dataDir);
  const ops = new OpsService(basics, opsPort, host);
  yield ops;
  yield service('REST port', () => assertPortFree(port, host));
  const { amqpUrl } = given;
  if (kinds.transport.name === 'amqp' && amqpUrl !== undefined)
    yield service('given broker', () => assertBrokerReachable(amqpUrl));
  const own = new PrivateServices(dataDir, { ...wanted, rabbitmq: wanted.rabbitmq && hasRabbitmq }, basics);
  if (keepsData) yield own;
  if (wanted.rabbitmq && !hasRabbitmq)
    throw new StartupError(['TRANSPORT=amqp needs AMQP_URL, or rabbitmq-server on the PATH']);

  // The private services run, so that all addresses are known.
  const settings: Settings = {
    ...given,
    databaseUrl: given.databaseUrl ?? own.postgres?.socketUrl,
    amqpUrl: given.amqpUrl ?? own.rabbitmq?.url,
    // While trying Parley out, often no program consumes the default dispatch queue.
    dispatchWhenFull: given.dispatchWhenFull ?? 'drop-oldest',
    jwtSecret:
      given.jwtJwksUrl === undefined
        ? (given.jwtSecret ?? (keepsData ? keepSecret(dataDir) : generateSecret()))
        : undefined,
  };
  const addresses = {
    store: kinds.store.address?.of(settings) ?? '',
    transport: kinds.transport.address?.of(settings) ?? '',
  };
  const { migrate } = kinds.store;
  if (migrate !== undefined) yield service('migrations', () => migrate(addresses.store));
  const workerId = newWorkerId();
  const store = await kinds.store.open({
    ...{ address: addresses.store, settings, basics, placement: kinds.transport.placement },
    acceptsOtherPlacement: true,
  });
  const transport = await kinds.transport.open({ address: addresses.transport, settings, basics, store, workerId });
  if (wanted.rabbitmq) explainOtherStore(transport, join(dataDir, 'rabbitmq'));
  const policy = policyService(settings, basics, store);
  const ports = new Map<string, number>();
  const onListening = (role: string, listening: number) => void ports.set(role, listening);
  const http = new HttpPort({ port, host, logger: basics.logger, onListening });
  const context: RoleContext<Settings> = {
    ...{ ...basics, settings, store, transport, policy: policy.current, quotas: policy.quotas },
    ...{ workerId, host, http, failpoints },
  };
  context.tryOut = devTryOut(context);
  context.hasChatPage = hasChatPage(settings, true);
  context.demoUsers = devDemoUsers(context);
  yield store;
  yield policy;
  yield transport;
  const { storedPlacement } = store;
  if (storedPlacement !== null)
    yield service('placement', async () => {
      if (await storedPlacement.isOfOtherTransport()) await reassignChats(storedPlacement, context);
    });
  for (const role of roles) {
    if (role.isInDev?.(settings) === false) continue;
    const parts = await role.compose(context);
    basics.health.add(parts.health.name, parts.health.check);
    yield* parts.services;
  }
  yield http;
  yield service('welcome', async () => {
    const shown: Addresses = {
      ...{ host, restPort: ports.get('api') ?? port, dataDir, opsPort: ops.port },
      hasChatPage: context.hasChatPage === true,
      database:
        kinds.store.address === null
          ? null
          : { url: addresses.store, isPrivate: wanted.postgres, programsCopy: own.postgres?.programsCopy },
      broker:
        kinds.transport.address === null
          ? null
          : {
              ...{ url: addresses.transport, isPrivate: wanted.rabbitmq },
              managementPort: own.rabbitmq?.managementPort,
            },
    };
    isComplete = true;
    await welcome(context, shown, startedAt);
  });
}

/** `topology --adopt` cannot help here, because a private broker runs only while `dev` does. */
function explainOtherStore(transport: TransportService, folder: string): void {
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

function generateSecret(): string {
  return randomBytes(SECRET_BYTES).toString('hex');
}

/** Locks the data folder while this process runs. */
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

/**
 * A service waits for its broker. `dev` does not: the address may be that of a private broker that has ended with an
 * earlier `dev`.
 */
async function assertBrokerReachable(url: string): Promise<void> {
  const { connection } = await connectOnce(url, 'dev').catch((error: Error) => {
    const why = error.message.replace(/^no broker/, 'no broker at AMQP_URL');
    throw new StartupError([`${why}; without AMQP_URL, dev starts its own`], { cause: error });
  });
  await connection.stop();
}

/** Checked before the private services start, which takes several seconds. */
async function assertPortFree(port: number, host: string): Promise<void> {
  if (port !== 0 && !(await isPortFree(port, host).catch(rethrowAsStartupError)))
    throw new StartupError([`cannot listen on ${host}:${port}: the port is in use`]);
}
