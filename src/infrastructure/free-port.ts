import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';

// Below the range (32768 and up on Linux, 49152 elsewhere) from which the system takes ports for outgoing connections.
// So no client takes a free port before its server listens.
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 31_999;
const ATTEMPTS = 200;
const CONNECT_TIMEOUT_MS = 1_000;

/** A TCP port that was free a moment ago. The caller must handle the case that it is taken. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT + 1);
    if (await isPortFree(port, host)) return port;
  }
  throw new Error(`no free port on ${host} between ${LOWEST_PORT} and ${HIGHEST_PORT} (${ATTEMPTS} tried)`);
}

/** @returns `count` different ports */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort(host));
  return [...ports];
}

/** Checks by listening briefly. Do not use it for a port that another program is about to open. */
export function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Whether a server accepts connections. It does not listen, so it is safe while a server is starting. */
export function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => done(false));
    socket.once('error', () => done(false));
    socket.once('connect', () => done(true));
  });
}
