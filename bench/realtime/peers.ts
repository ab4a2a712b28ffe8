/** Processes that send the same bytes to the same clients, without Parley. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./peer-server.js', import.meta.url));
const SOCKET_IO = 'socket.io@4.8.4';
const INSTALL_TIMEOUT_MS = 120_000;

export interface PeerServer {
  pid: number;
  url: string;
  /** To all clients. */
  send(text: string): void;
  stop(): Promise<void>;
}

export async function startPeer(kind: 'ws' | 'socket.io'): Promise<PeerServer> {
  const args = kind === 'ws' ? ['ws'] : ['socket.io', installSocketIo()];
  const child: ChildProcess = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { stdin, stdout, pid } = child;
  if (pid === undefined || stdin === null || stdout === null) throw new Error(`${kind} could not be started`);
  const [port] = (await once(createInterface({ input: stdout }), 'line')) as [string];
  return {
    pid,
    url: `ws://127.0.0.1:${port}`,
    send: (text) => stdin.write(`${text}\n`),
    stop: async () => {
      const ended = once(child, 'exit');
      stdin.end();
      await ended;
    },
  };
}

/** Not a dependency of the project: it is installed for the measurement. @throws Error if it cannot be */
function installSocketIo(): string {
  const folder = join(tmpdir(), `parley-bench-${SOCKET_IO}`);
  const file = join(folder, 'node_modules', 'socket.io', 'dist', 'index.js');
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const install = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--no-save', SOCKET_IO];
  const { status, stderr } = spawnSync('npm', install, { encoding: 'utf8', timeout: INSTALL_TIMEOUT_MS });
  if (status !== 0 || !existsSync(file)) throw new Error(`${SOCKET_IO} cannot be installed: ${stderr.slice(-500)}`);
  return file;
}
