/**
 * The ceiling (`ws` alone) or the peer (socket.io with its default adapter), as a process. It sends each line of its
 * standard input to all of its clients. Prints its port.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { WebSocketServer } from 'ws';

interface SocketIo {
  emit(name: string, value: unknown): void;
}
/** The part of `socket.io` that is used. It is installed for the measurement alone. */
interface SocketIoModule {
  Server: new (server: unknown, options: { perMessageDeflate: boolean; transports: string[] }) => SocketIo;
}

const [kind, modulePath] = process.argv.slice(2);
const server = createServer();
let broadcast: (line: string) => void;
if (kind === 'ws') {
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  broadcast = (line) => {
    for (const socket of sockets.clients) socket.send(line);
  };
} else {
  const { Server } = (await import(pathToFileURL(modulePath ?? '').href)) as SocketIoModule;
  const io = new Server(server, { perMessageDeflate: false, transports: ['websocket'] });
  broadcast = (line) => io.emit('event', JSON.parse(line));
}
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
createInterface({ input: process.stdin })
  .on('line', (line) => broadcast(line))
  .on('close', () => process.exit(0));
