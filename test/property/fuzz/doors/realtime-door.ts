/** A gateway process: each frame is processed, or closes its connection with a documented code. */
import { WebSocket } from 'ws';
import { CLOSE_CODES, REALTIME_PATH, REALTIME_SUBPROTOCOL } from '../../../../src/contract/realtime/protocol.js';
import { RestStack } from '../../../integration/stack/rest/rest-stack.js';
import { eventually } from '../../../support/eventually.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { RealtimeTestClient } from '../../../support/realtime/realtime-client.js';
import { tokenFor } from '../../../unit/adapters/http/rest-client.js';
import { HELD_LINE, STALL_LINE } from '../gateway/probe-lines.js';
import { type HostileFrame, hostileFrame } from '../hostile-frames.js';
import { type Door, Finding, type OpenDoor } from './door.js';

const TOKEN_TTL_S = 7_200;
const ANSWERED_WITHIN_MS = 20_000;
/** Connections that send at the same time. */
const CONNECTIONS = 16;
/** Memory that the gateway may hold more than when it was warm. It had 16 connections then, and has as many later. */
const MAX_MEMORY_GROWTH_KB = 8 * 1024;
/** The memory is read after each so many frames. The first time, everything is loaded and compiled. */
const MEMORY_READ_EVERY = 5_000;
const HELD_WITHIN_MS = 20_000;
const PROBE = new URL('../gateway/probe.js', import.meta.url).href;
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
  private frames = 0;
  /** What the gateway held when it was warm. */
  private warmKb: number | null = null;
  private stalls = 0;

  private constructor(
    private readonly stack: RestStack,
    private readonly gateway: TestProcess,
    private readonly token: string,
    private readonly good: RealtimeTestClient,
  ) {}

  static async open(): Promise<RealtimeDoor> {
    // Only a few frames should meet the limits of rates; the others should meet the code behind.
    const env = { GATEWAY_COMMAND_RATE: '10000', GATEWAY_COMMAND_BURST: '10000', GATEWAY_USER_CONNECTIONS_MAX: '1000' };
    const stack = await RestStack.create(env);
    try {
      await stack.run('worker', 'api');
      const gateway = await stack.runWith({ NODE_OPTIONS: `--import=${PROBE}` }, 'gateway');
      const url = `http://127.0.0.1:${gateway.env.PORT}`;
      const good = new RealtimeTestClient({ url: () => url, token: () => tokenFor('alice', TOKEN_TTL_S) });
      await good.connect();
      return new RealtimeDoor(stack, gateway, await tokenFor('mallory', TOKEN_TTL_S), good);
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
    this.watchStalls();
    await this.watchMemory(outcomes.length);
    return outcomes;
  }

  async close(): Promise<void> {
    await this.good.drop();
    await this.stack.close();
  }

  /** Of each stretch, those since the last one. What happened before the first frame is not counted. */
  private watchStalls(): void {
    const stalls = this.gateway.stderr.filter((line) => line.startsWith(STALL_LINE));
    const [first] = stalls.slice(this.stalls);
    this.stalls = stalls.length;
    if (first !== undefined && this.frames > 0) throw new Finding(`the gateway: ${first}`);
  }

  private async watchMemory(frames: number): Promise<void> {
    const before = this.frames;
    this.frames += frames;
    if (Math.floor(this.frames / MEMORY_READ_EVERY) === Math.floor(before / MEMORY_READ_EVERY)) return;
    const readings = () => this.gateway.stderr.filter((line) => line.startsWith(HELD_LINE));
    const count = readings().length;
    this.gateway.send('SIGUSR2');
    const line = await eventually(() => readings()[count], {
      within: HELD_WITHIN_MS,
      what: 'the memory of the gateway',
    });
    const heldKb = Number(/(\d+) KiB/.exec(line)?.[1]);
    this.warmKb ??= heldKb;
    const grownKb = heldKb - this.warmKb;
    if (grownKb > MAX_MEMORY_GROWTH_KB)
      throw new Finding(`the gateway holds ${grownKb} KiB more than when it was warm`);
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

export const realtimeDoor: Door<HostileFrame> = {
  name: 'realtime',
  input: hostileFrame,
  together: 200,
  perOpening: 100_000,
  watchesStalls: false,
  open: () => RealtimeDoor.open(),
};
