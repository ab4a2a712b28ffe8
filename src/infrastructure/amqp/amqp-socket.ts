/** The socket under a broker connection, as far as the library leaves it to us. */
import type { Duplex } from 'node:stream';

/** After this the socket of a closed connection is torn down, whether or not the other side has answered. */
const SOCKET_LINGER_MS = 1_000;
/** So much is handed to a socket before its writer has to wait: a batch's messages leave in two system calls instead of one for each 16 KiB. */
const SOCKET_BUFFER_BYTES = 512 * 1024;
/** The library hands them on to `net.connect`; its types do not know the last. */
export const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, writableHighWaterMark: SOCKET_BUFFER_BYTES };

/** The library's model of a connection. Its socket is not part of the published types. */
interface Model {
  connection: unknown;
}

function streamOf({ connection }: Model): Duplex | undefined {
  return (connection as { stream?: Duplex }).stream;
}

/** The library ends the socket of a connection that is closed, by whichever side. */
export function hasEnded(model: Model): boolean {
  return streamOf(model)?.writableEnded ?? false;
}

/** A socket whose other side is gone would otherwise hold the process open for as long as TCP keeps trying. */
export function tearDown(model: Model): void {
  const stream = streamOf(model);
  if (stream === undefined || stream.destroyed) return;
  const timer = setTimeout(() => stream.destroy(), SOCKET_LINGER_MS);
  stream.once('close', () => clearTimeout(timer));
}
