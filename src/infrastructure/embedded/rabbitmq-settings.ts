import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { freePort, isPortFree } from '../free-port.js';

/** What a node keeps between starts: its data belongs to its name, and other programs are configured with its ports. */
export interface NodeSettings {
  readonly nodeName: string;
  /** Password of the user `guest`, generated before the node's first start. */
  readonly password: string;
  readonly port: number;
  readonly managementPort: number;
  readonly distributionPort: number;
  readonly epmdPort: number;
}

/**
 * Idle schedulers of Erlang spin for a while before they sleep, and take processor time from the other processes of the
 * machine (https://www.rabbitmq.com/docs/runtime#busy-waiting).
 */
export const NO_BUSY_WAIT = '+sbwt none +sbwtdcpu none +sbwtdio none';
/** Processors of the machine for each scheduler of Erlang. */
const PROCESSORS_PER_SCHEDULER = 2;

/**
 * The node shares the machine with PostgreSQL and the workers, so it gets half of the processors. With a scheduler for
 * each, messages wake one after another: on two processors the node then takes a third more processor time at 1,750
 * commands a second, and no less at full load.
 */
function schedulers(processors = availableParallelism()): string {
  const count = Math.max(1, Math.floor(processors / PROCESSORS_PER_SCHEDULER));
  return `+S ${count}:${count}`;
}

const MNESIA = 'mnesia';
/** Maximum message size, without the property frame. */
const MAX_MESSAGE_BYTES = 512 * 1024;
const MAX_LOG_BYTES = 8 * 1024 * 1024;
/** RabbitMQ's default password of `guest`. Nodes created before passwords were generated have it. */
const RABBITMQ_DEFAULT_PASSWORD = 'guest';
const PASSWORD_BYTES = 24;
const DEFAULT_AMQP_PORT = 5672;
const DEFAULT_MANAGEMENT_PORT = 15672;

/**
 * Reads the folder's settings, or creates them. A port that another program uses now is replaced.
 * @param wanted the AMQP port: `undefined` for 5672 if it is free, 0 for any free port; any other value is used as it
 * is
 */
export async function chooseSettings(folder: string, wanted: number | undefined): Promise<NodeSettings> {
  const file = join(folder, 'node.json');
  const kept: Partial<NodeSettings> = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as NodeSettings)
    : { nodeName: `node-${randomBytes(4).toString('hex')}@localhost` };
  const usual = wanted === undefined;
  const taken = new Set<number>();
  const port = wanted ? wanted : await firstFree(taken, usual ? DEFAULT_AMQP_PORT : undefined, kept.port);
  taken.add(port); // If one was given.
  const settings: NodeSettings = {
    nodeName: kept.nodeName as string,
    password: kept.password ?? drawPassword(folder),
    port,
    managementPort: await firstFree(taken, usual ? DEFAULT_MANAGEMENT_PORT : undefined, kept.managementPort),
    distributionPort: await firstFree(taken, kept.distributionPort),
    epmdPort: await firstFree(taken, kept.epmdPort),
  };
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
  return settings;
}

/** A node reads `default_pass` only at its first start. */
function drawPassword(folder: string): string {
  return existsSync(join(folder, MNESIA))
    ? RABBITMQ_DEFAULT_PASSWORD
    : randomBytes(PASSWORD_BYTES).toString('base64url');
}

/**
 * Everything listens only on 127.0.0.1. Writes the files into the folder and returns the environment that names them.
 * @param more settings of rabbitmq.conf, which replace those of the same name
 */
export function writeConfiguration(
  folder: string,
  settings: NodeSettings,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const configuration: Record<string, string> = {
    default_pass: settings.password,
    'listeners.tcp.1': `127.0.0.1:${settings.port}`,
    'management.tcp.ip': '127.0.0.1',
    'management.tcp.port': String(settings.managementPort),
    max_message_size: String(MAX_MESSAGE_BYTES),
    'log.file.level': 'warning',
    'log.file.rotation.size': String(MAX_LOG_BYTES),
    'log.file.rotation.count': '1',
    'log.console': 'false',
    ...more,
  };
  const lines = Object.entries(configuration).map(([name, value]) => `${name} = ${value}\n`);
  const file = join(folder, 'rabbitmq.conf');
  rmSync(file, { force: true }); // An existing file keeps its mode.
  writeFileSync(file, lines.join(''), { mode: 0o600 });
  writeFileSync(join(folder, 'enabled_plugins'), '[rabbitmq_management,rabbitmq_consistent_hash_exchange].\n');
  return {
    HOME: folder, // The cookie.
    RABBITMQ_NODENAME: settings.nodeName,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(settings.port),
    RABBITMQ_DIST_PORT: String(settings.distributionPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-kernel inet_dist_use_interface {127,0,0,1} ${schedulers()} ${NO_BUSY_WAIT}`,
    ERL_EPMD_PORT: String(settings.epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_MNESIA_BASE: join(folder, MNESIA),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'), // The system's own settings do not apply.
    RABBITMQ_ADVANCED_CONFIG_FILE: join(folder, 'none'),
  };
}

/**
 * Returns a port that is not in `taken` and adds it. No program listens there yet, so two requests for a free port
 * could return the same one.
 */
async function firstFree(taken: Set<number>, ...candidates: (number | undefined)[]): Promise<number> {
  let found: number | undefined;
  for (const port of candidates)
    if (found === undefined && port !== undefined && !taken.has(port) && (await isPortFree(port))) found = port;
  while (found === undefined || taken.has(found)) found = await freePort();
  taken.add(found);
  return found;
}
