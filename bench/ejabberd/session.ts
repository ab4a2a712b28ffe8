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

/** For a step of the login, or entering a room. */
const ANSWER_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 2_000;
const RESOURCE = 'bench';

/** One client, online. */
export class Session {
  /** Told of every stanza, those that answer something included. */
  onStanza: (stanza: string) => void = () => undefined;
  /** Why it is not online any more, `undefined` while it is. */
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

  /** Logs in and is available then. */
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
   * Writes it and awaits the stanza that answers it. One question at a time.
   * @throws Error of one line where it is refused, or not answered in time
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
