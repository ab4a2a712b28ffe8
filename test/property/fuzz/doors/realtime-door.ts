/** A gateway process: each frame is processed, or closes its connection with a documented code. */
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { CLOSE_CODES, REALTIME_PATH, REALTIME_SUBPROTOCOL } from '../../../../src/contract/realtime/protocol.js';
import { RestStack } from '../../../integration/stack/rest/rest-stack.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { RealtimeTestClient } from '../../../support/realtime/realtime-client.js';
import { tokenFor } from '../../../unit/adapters/http/rest-client.js';
import { type HostileFrame, hostileFrame } from '../hostile-frames.js';
import { type Door, Finding, type OpenDoor } from './door.js';

const TOKEN_TTL_S = 7_200;
const ANSWERED_WITHIN_MS = 20_000;
/** Connections that send at the same time. */
const CONNECTIONS = 16;
const MAX_MEMORY_GROWTH_KB = 128 * 1024;
/** Protocol errors of WebSocket (RFC 6455): not UTF-8, and far above the limit. */
const WEBSOCKET_CODES = [1007, 1009];
const DOCUMENTED = new Set<number>([...Object.values(CLOSE_CODES).map(({ code }) => code), ...WEBSOCKET_CODES]);

/** What happened to a frame: `taken`, or the code that closed the connection. */
function send(socket: WebSocket, { bytes, isBinary }: HostileFrame): Promise<'taken' | number> {
  return new Promise((resolve, reject) => {
    const settle = (outcome: 'taken' | number | Error) => {
      clearTimeout(timer);
      socket.off('pong', onPong).off('close', onClose);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    const onPong = () => settle('taken');
    const onClose = (code: number) => settle(code);
    const timer = setTimeout(() => settle(new Finding('no answer to a frame')), ANSWERED_WITHIN_MS);
    socket.once('pong', onPong).once('close', onClose);
    socket.send(bytes, { binary: isBinary });
    // Frames are processed in order: the pong comes after the frame.
    socket.ping();
  });
}

class RealtimeDoor implements OpenDoor<HostileFrame> {
  private commands = 0;

  private constructor(
    private readonly stack: RestStack,
    private readonly gateway: TestProcess,
    private readonly token: string,
    private readonly good: RealtimeTestClient,
    private readonly memoryKb: number,
  ) {}

  static async open(): Promise<RealtimeDoor> {
    // Only a few frames should meet the limits of rates; the others should meet the code behind.
    const env = { GATEWAY_COMMAND_RATE: '10000', GATEWAY_COMMAND_BURST: '10000', GATEWAY_USER_CONNECTIONS_MAX: '1000' };
    const stack = await RestStack.create(env);
    try {
      await stack.run('worker', 'api');
      const gateway = await stack.runWith({}, 'gateway');
      const url = `http://127.0.0.1:${gateway.env.PORT}`;
      const good = new RealtimeTestClient({ url: () => url, token: () => tokenFor('alice', TOKEN_TTL_S) });
      await good.connect();
      return new RealtimeDoor(stack, gateway, await tokenFor('mallory', TOKEN_TTL_S), good, residentKb(gateway));
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  async take(inputs: readonly HostileFrame[]): Promise<string[]> {
    const outcomes: string[] = [];
    const waiting = [...inputs];
    const work = async () => {
      let socket: WebSocket | null = null;
      for (let input = waiting.shift(); input !== undefined; input = waiting.shift()) {
        socket ??= await this.connect();
        const outcome = await send(socket, input);
        if (outcome === 'taken') outcomes.push('taken');
        else {
          socket = null;
          if (!DOCUMENTED.has(outcome)) throw new Finding(`a connection was closed with ${outcome}`);
          outcomes.push(`closed ${outcome}`);
        }
      }
      socket?.terminate();
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    if (!this.gateway.running) throw new Finding(`the gateway ended: ${this.gateway.output.slice(-2_000)}`);
    this.commands += 1;
    const { receipt } = await this.good.command(`good-${this.commands}`, 'user.upsert', undefined, {
      displayName: `Alice ${this.commands}`,
    });
    if (receipt.status !== 'accepted') throw new Finding('a command of another client was not accepted');
    const errors = this.gateway.output.match(/^.*"level":"error".*$/m);
    if (errors !== null) throw new Finding(`the gateway logged: ${errors[0]}`);
    return outcomes;
  }

  async close(): Promise<void> {
    try {
      const grownKb = residentKb(this.gateway) - this.memoryKb;
      if (grownKb > MAX_MEMORY_GROWTH_KB) throw new Finding(`the gateway has ${grownKb} KiB more`);
    } finally {
      await this.good.drop();
      await this.stack.close();
    }
  }

  private async connect(): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${this.gateway.env.PORT}${REALTIME_PATH}`, [REALTIME_SUBPROTOCOL]);
    socket.on('error', () => undefined); // `close` follows.
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('close', (code) => reject(new Finding(`a handshake ended with ${code}`)));
    });
    const live = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => {
        if (data.includes('"hasMore":false')) resolve();
      });
    });
    socket.send(JSON.stringify({ t: 'auth', token: this.token }));
    const ended = new Promise<never>((_, reject) => {
      socket.once('close', (code) => reject(new Finding(`a connection ended with ${code} before it was live`)));
    });
    ended.catch(() => undefined);
    await Promise.race([live, ended]);
    return socket;
  }
}

function residentKb({ pid }: TestProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

export const realtimeDoor: Door<HostileFrame> = {
  name: 'realtime',
  input: hostileFrame,
  together: 200,
  perOpening: 100_000,
  watchesStalls: false,
  open: () => RealtimeDoor.open(),
};
