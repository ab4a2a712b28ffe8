/** The socket of a broker connection, as far as the library gives access to it. */
import type { Duplex } from 'node:stream';

/** After this time the socket of a closed connection is destroyed, even without an answer from the peer. */
const SOCKET_LINGER_MS = 1_000;
/**
 * Bytes that a socket accepts before its writer must wait: a batch's messages leave in two system calls instead of one
 * for each 16 KiB.
 */
const SOCKET_BUFFER_BYTES = 512 * 1024;
/** The library passes these to `net.connect`. Its types lack the last one. */
export const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, writableHighWaterMark: SOCKET_BUFFER_BYTES };

/** The library's connection object. The published types do not include its socket. */
interface Model {
  connection: unknown;
}

function streamOf({ connection }: Model): Duplex | undefined {
  return (connection as { stream?: Duplex }).stream;
}

/** The library ends the socket of a closed connection, whichever side closed it. */
export function hasEnded(model: Model): boolean {
  return streamOf(model)?.writableEnded ?? false;
}

/** Without this, a socket without a peer would keep the process running for as long as TCP retries. */
export function tearDown(model: Model): void {
  const stream = streamOf(model);
  if (stream === undefined || stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), SOCKET_LINGER_MS);
  stream.once('close', () => clearTimeout(timer));
}
