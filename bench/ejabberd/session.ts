import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DOMAIN } from './node-settings.js';
import {
  attribute,
  authentication,
  binding,
  PRESENCE,
  STREAM_CLOSING,
  StanzaCutter,
  streamOpening,
} from './stanzas.js';

/** Timeout of a step of the login, and of entering a room. */
const ANSWER_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 2_000;
const RESOURCE = 'bench';

/** One client that is online. */
export class Session {
  /** Called with every stanza, including answers. */
  onStanza: (stanza: string) => void = () => undefined;
  /** Why the client is offline; `undefined` while it is online. */
  lost: Error | undefined;
  private readonly cutter = new StanzaCutter();

  private constructor(
    readonly user: string,
    private readonly socket: Socket,
  ) {
    socket.setNoDelay(true);
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      for (const stanza of this.cutter.push(text)) this.onStanza(stanza);
    });
    socket.on('error', (error) => {
      this.lost = new Error(`${user} lost the connection to ejabberd: ${error.message}`);
    });
    socket.on('close', () => {
      this.lost ??= new Error(`ejabberd closed the connection of ${user}`);
    });
  }

  /** Logs in and announces its presence. */
  static async open(port: number, user: string, password: string): Promise<Session> {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    const session = new Session(user, socket);
    const isFeatures = (stanza: string) => stanza.startsWith('<stream:features');
    try {
      await session.ask(streamOpening(DOMAIN), isFeatures);
      await session.ask(authentication(user, password), (stanza) => stanza.startsWith('<success'));
      await session.ask(streamOpening(DOMAIN), isFeatures);
      await session.ask(binding(RESOURCE), (stanza) => attribute(stanza, 'id') === 'bind');
      await session.ask(PRESENCE, (stanza) => stanza.startsWith('<presence'));
      return session;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  write(text: string): void {
    this.socket.write(text);
  }

  /**
   * Sends a stanza and awaits its answer. One request at a time.
   * @throws Error with one line if the request is refused or times out
   */
  async ask(text: string, answers: (stanza: string) => boolean): Promise<void> {
    const told = this.onStanza;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const late = () => reject(this.lost ?? new Error(`${this.user} got no answer for ${ANSWER_TIMEOUT_MS} ms`));
        timer = setTimeout(late, ANSWER_TIMEOUT_MS);
        this.onStanza = (stanza) => {
          told(stanza);
          if (isRefusal(stanza)) reject(new Error(`${this.user} was refused: ${stanza}`));
          else if (answers(stanza)) resolve();
        };
        this.write(text);
      });
    } finally {
      clearTimeout(timer);
      this.onStanza = told;
    }
  }

  async close(): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, 'close');
    closed.catch(() => undefined);
    this.socket.end(STREAM_CLOSING);
    await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    this.socket.destroy();
  }
}

export function isRefusal(stanza: string): boolean {
  return /^<(failure|stream:error|\/stream)/.test(stanza) || attribute(stanza, 'type') === 'error';
}
