/**
 * WebSockets, a clock and disks without real ones. Nothing happens by itself: each `step` lets one frame arrive or one
 * write end, and a seed decides which. So a run is the same each time, on any machine.
 */
import { EventEmitter } from 'node:events';
import { setImmediate as settle } from 'node:timers/promises';
import type { WebSocketClass, WebSocketLike } from '../../../../src/client/realtime/web-socket.js';
import type { Random } from './chat-world.js';
import { ManualTime } from './manual-time.js';
import type { ServerSocket } from './scripted-gateway.js';

/** What happens in this order: the frames of one direction of a connection, or the writes of a disk. */
type Channel = (() => void)[];

/** Each step takes less than this. */
const STEP_MAX_MS = 200;
/** The code of a connection that ended without a closing handshake. */
const ABNORMAL = 1006;

export class SimulatedNetwork {
  readonly time = new ManualTime();
  readonly webSocket: WebSocketClass;
  onConnection: (socket: ServerSocket, path: string) => void = () => undefined;
  private readonly channels = new Set<Channel>();

  constructor(readonly random: Random) {
    // Pauses before a reconnect take no time, so that a run has many connections.
    this.time.chance = 0;
    const network = this;
    this.webSocket = class extends ClientEnd {
      constructor(url: string) {
        super(network, new URL(url).pathname);
      }
    };
  }

  channel(): Channel {
    const channel: Channel = [];
    this.channels.add(channel);
    return channel;
  }

  release(channel: Channel): void {
    this.channels.delete(channel);
  }

  /** Lets one thing happen, and all that follows from it at once. */
  async step(): Promise<void> {
    this.time.advance(this.random(STEP_MAX_MS));
    const waiting = this.waiting();
    waiting[this.random(waiting.length)]?.shift()?.();
    await settle(); // The client and the store use microtasks only.
  }

  /** Lets everything happen that is on its way. */
  async quiesce(): Promise<void> {
    do await this.step();
    while (this.waiting().length > 0);
  }

  private waiting(): Channel[] {
    return [...this.channels].filter((channel) => channel.length > 0);
  }
}

class ClientEnd implements WebSocketLike {
  onopen: WebSocketLike['onopen'] = null;
  onmessage: WebSocketLike['onmessage'] = null;
  onclose: WebSocketLike['onclose'] = null;
  onerror: WebSocketLike['onerror'] = null;
  private readonly up: Channel;
  private readonly down: Channel;
  private readonly server = new EventEmitter();
  private hasEnded = false;

  constructor(
    private readonly network: SimulatedNetwork,
    path: string,
  ) {
    this.up = network.channel();
    this.down = network.channel();
    this.up.push(() => {
      network.onConnection(this.serverEnd(), path);
      this.tell('onopen', {});
    });
  }

  send(text: string): void {
    if (!this.hasEnded) this.up.push(() => this.server.emit('message', text));
  }

  close(code = ABNORMAL): void {
    if (!this.hasEnded) this.up.push(() => this.end(code));
  }

  terminate(): void {
    this.end(ABNORMAL);
  }

  private serverEnd(): ServerSocket {
    return Object.assign(this.server, {
      send: (text: string) => {
        if (!this.hasEnded) this.tell('onmessage', { data: text });
      },
      close: (code = ABNORMAL) => this.end(code),
      terminate: () => {
        // A part of what is on its way arrives.
        this.down.length = this.network.random(this.down.length + 1);
        this.end(ABNORMAL);
      },
    }) as ServerSocket;
  }

  private tell(handler: 'onopen' | 'onmessage' | 'onclose', event: object): void {
    this.down.push(() => (this[handler] as ((event: object) => void) | null)?.(event));
  }

  private end(code: number): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.network.release(this.up);
    this.server.emit('close', code);
    this.tell('onclose', { code, reason: '' });
    this.down.push(() => this.network.release(this.down));
  }
}
