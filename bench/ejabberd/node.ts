import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded, whenEnded } from '../../src/infrastructure/embedded/child-exit.js';
import { logTail, openLog } from '../../src/infrastructure/embedded/log-file.js';
import { freePort, isListening } from '../../src/infrastructure/free-port.js';
import { signal } from '../../src/infrastructure/process/process-identity.js';
import { query } from '../running/private-services.js';
import type { InstalledEjabberd } from './installed-program.js';
import { configuration, erlangArguments } from './node-settings.js';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_INTERVAL_MS = 50;

export interface EjabberdNode {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/**
 * A private node on loopback, in its own process group, so that Ctrl-C reaches only this process. Its folder is removed
 * when it stops.
 * @param databaseUrl an empty database, in which ejabberd's tables are created
 * @throws Error with one line that has the end of the node's log
 */
export async function startNode(installed: InstalledEjabberd, databaseUrl: string): Promise<EjabberdNode> {
  await query(databaseUrl, readFileSync(installed.schemaFile, 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-ejabberd-'));
  const port = await freePort();
  const configFile = join(folder, 'ejabberd.yml');
  writeFileSync(configFile, configuration(port, databaseUrl), { mode: 0o600 });
  const logFile = join(folder, 'ejabberd.log');
  const output = openLog(join(folder, 'output.log'));
  const child = spawn(installed.erl, erlangArguments(folder), {
    detached: true,
    cwd: folder,
    stdio: ['ignore', output.descriptor, output.descriptor],
    env: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: folder,
      LANG: 'C.UTF-8',
      ERL_LIBS: installed.libraries,
      ERL_CRASH_DUMP: join(folder, 'crash.dump'),
      EJABBERD_CONFIG_PATH: configFile,
      EJABBERD_LOG_PATH: logFile,
    },
  });
  const ended = whenEnded(child);
  closeSync(output.descriptor);
  const stop = async () => {
    const { pid } = child;
    if (pid !== undefined && !hasEnded(child)) {
      signal(pid, 'SIGTERM');
      await Promise.race([ended, sleep(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    }
    if (pid !== undefined) signal(-pid, 'SIGKILL'); // also the helper processes of the virtual machine
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isListening(port))) {
    if (!hasEnded(child) && Date.now() < deadline) {
      await sleep(POLL_INTERVAL_MS);
      continue;
    }
    const why = logTail(logFile);
    await stop();
    throw new Error(`ejabberd did not start: ${why}`);
  }
  return { port, pid: child.pid ?? 0, stop };
}
