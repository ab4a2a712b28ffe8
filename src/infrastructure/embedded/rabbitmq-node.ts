import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { signal } from '../process/process-identity.js';
import { hasEnded, whenEnded } from './child-exit.js';
import { startPortMapper } from './erlang-port-mapper.js';
import { logSince, logTail, openLog } from './log-file.js';
import { forgetProcesses, recordProcess, stopOrphanedRabbitmq } from './rabbitmq-orphan.js';
import { findRabbitmq } from './rabbitmq-program.js';
import { chooseSettings, type NodeSettings, writeConfiguration } from './rabbitmq-settings.js';

export { findRabbitmq };

export interface RabbitmqOptions {
  /**
   * Contains everything that the node keeps, also between starts. Created if it is missing. Two nodes never share one.
   */
  readonly folder: string;
  /**
   * The AMQP port. Undefined: 5672 if it is free, else any free port. 0: any free port. Otherwise exactly this port.
   */
  readonly port?: number;
  /** The start script. Default: the result of `findRabbitmq()`. */
  readonly program?: string;
  /** Settings of rabbitmq.conf, which replace Parley's own of the same name. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface RabbitmqNode {
  /** `amqp://guest:<password>@127.0.0.1:<port>`. RabbitMQ accepts the user `guest` only from this machine. */
  readonly url: string;
  readonly port: number;
  /** HTTP, with the same user. */
  readonly managementPort: number;
  readonly nodeName: string;
  /** The Erlang virtual machine. */
  readonly pid: number;
  /** Settles when the node has ended, for any reason. */
  readonly ended: Promise<void>;
  /**
   * Orderly stop: about 6 s, 5 of them for the management plugin. Resolves when every process has ended. Calling it
   * again does nothing.
   */
  stop(): Promise<void>;
  /** Immediate stop. Confirmed messages are still there at the next start on this folder. */
  kill(): Promise<void>;
}

const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;
const PROBE_TIMEOUT_MS = 1_000;
const POLL_INTERVAL_MS = 50;
const START_ATTEMPTS = 3;
/** The output of a node that cannot read its data, because a much older or a newer version has written it. */
const FOREIGN_DATA = /failed_to_initialize_feature_flags_registry|schema_integrity_check_failed/;

/**
 * Starts a private RabbitMQ node on loopback, with the management and consistent-hash plugins, in a process group of
 * its own, so that Ctrl-C reaches only this process. A node that a killed predecessor left running on the same folder
 * is stopped first.
 * @throws Error of one line if the start fails, with the end of the node's output
 */
export async function startRabbitmq(options: RabbitmqOptions): Promise<RabbitmqNode> {
  const program = options.program ?? findRabbitmq();
  if (program === undefined) throw new Error('RabbitMQ is not installed: there is no rabbitmq-server on the PATH');
  const folder = resolve(options.folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await stopOrphanedRabbitmq(folder);
  const outputFile = join(folder, 'server.log');

  for (let attempt = 1; ; attempt += 1) {
    const settings = await chooseSettings(folder, options.port);
    const { descriptor, size } = openLog(outputFile);
    try {
      return await launch(program, folder, settings, descriptor, options.settings);
    } catch (error) {
      const said = logSince(outputFile, size);
      const portTaken = !options.port && /eaddrinuse|address (already )?in use/i.test(said);
      if (portTaken && attempt < START_ATTEMPTS) continue;
      const why = FOREIGN_DATA.test(said)
        ? `this version of it cannot read what another one left in ${folder}. Go back to that one, or remove the folder and with it what waits in its queues`
        : `${(error as Error).message} (${logTail(outputFile)})`;
      throw new Error(`RabbitMQ did not start: ${why}`, { cause: error });
    } finally {
      closeSync(descriptor);
    }
  }
}

async function launch(
  program: string,
  folder: string,
  settings: NodeSettings,
  output: number,
  more: RabbitmqOptions['settings'],
): Promise<RabbitmqNode> {
  const env = { ...surroundings(), ...writeConfiguration(folder, settings, more) };
  const pidFile = join(folder, 'pid');
  rmSync(pidFile, { force: true });
  const mapper = await startPortMapper({
    port: settings.epmdPort,
    folder,
    env,
    output,
    onStarted: (pid) => recordProcess(folder, 'epmd', pid),
  });
  const child = spawn(program, [], { detached: true, stdio: ['ignore', output, output], cwd: folder, env });
  const ended = whenEnded(child);
  const kill = async () => {
    if (child.pid !== undefined) signal(-child.pid, 'SIGKILL'); // Includes the helper processes of the virtual machine.
    await ended;
    await mapper.stop();
    forgetProcesses(folder);
  };
  try {
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    recordProcess(folder, 'node', child.pid);
    await ready(settings.port, child);
  } catch (error) {
    await kill();
    throw error;
  }
  const leader = child.pid;
  return {
    url: `amqp://guest:${settings.password}@127.0.0.1:${settings.port}`,
    port: settings.port,
    managementPort: settings.managementPort,
    nodeName: settings.nodeName,
    pid: virtualMachine(pidFile) ?? leader,
    ended,
    kill,
    async stop() {
      if (!hasEnded(child)) {
        signal(leader, 'SIGTERM');
        await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
      }
      await kill();
    },
  };
}

/**
 * From the caller's environment only the search path is passed on, because variables for another node would
 * misconfigure this one.
 */
function surroundings(): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    // Makes the script become the virtual machine instead of waiting for it, so that its process is the one that was
    // started.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
}

async function ready(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await greets(port))) {
    if (hasEnded(child)) throw new Error('the node ended while starting');
    if (Date.now() >= deadline) throw new Error(`not ready within ${START_TIMEOUT_MS} ms`);
    await sleep(POLL_INTERVAL_MS);
  }
}

/**
 * Whether a broker on this port answers AMQP's protocol header with its first frame. A node opens this listener last.
 */
function greets(port: number): Promise<boolean> {
  return new Promise((resolveProbe) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const done = (answer: boolean) => {
      socket.destroy();
      resolveProbe(answer);
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => done(false));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
    socket.once('connect', () => socket.write(Buffer.from('AMQP\x00\x00\x09\x01', 'latin1')));
    socket.once('data', () => done(true));
  });
}

function virtualMachine(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined; // Some versions do not write it.
  }
}
