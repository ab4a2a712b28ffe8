import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type Channel, type ChannelModel } from 'amqplib';

/** Between two attempts: nobody else is at this broker, and how soon it is back is measured. */
const RETRY_MS = 20;
const CONNECT_TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 5;

export interface SessionOptions<C extends Channel> {
  url: string;
  create(connection: ChannelModel): Promise<C>;
  /** Makes a new channel ready. */
  setUp(channel: C): Promise<unknown>;
  /** The channel is ready, for the first time or again. */
  onOpen?(channel: C): void;
  /** The broker has refused something, and closed the channel for it: what was under way would be refused again. */
  onRefused?(error: Error): void;
}

/**
 * A connection with one channel. Whoever ends them, faults included, they come back by themselves: what a test says of
 * commands and events does not depend on which connection it was that knew of them.
 */
export class BrokerSession<C extends Channel> {
  private connection: ChannelModel | null = null;
  private current: C | null = null;
  private isClosed = false;
  private reopening = Promise.resolve();

  private constructor(private readonly options: SessionOptions<C>) {}

  /** Rejects if it cannot be opened at first. */
  static async open<C extends Channel>(options: SessionOptions<C>): Promise<BrokerSession<C>> {
    const session = new BrokerSession(options);
    await session.attempt();
    return session;
  }

  /** Null while there is none. */
  get channel(): C | null {
    return this.current;
  }

  /** For good. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.current = null;
    if (this.connection !== null) await hangUp(this.connection);
    await this.reopening;
  }

  private async attempt(): Promise<void> {
    const { url, create, setUp, onOpen } = this.options;
    const connection = await amqp.connect(url, { timeout: CONNECT_TIMEOUT_MS });
    connection.on('error', () => undefined); // `close` follows
    try {
      const channel = await create(connection);
      let isLost = false;
      let refusal: Error | null = null;
      channel.on('error', (error: Error) => {
        refusal = error;
      });
      // First in line: in a listener of its own the library tells publishers that nothing will be confirmed any more.
      channel.prependListener('close', () => {
        isLost = true;
        if (this.current === channel) this.lost(connection, refusal);
      });
      await setUp(channel);
      if (isLost) throw refusal ?? new Error('the broker has closed a new channel');
      if (this.isClosed) throw new Error('the session is closed');
      this.connection = connection;
      this.current = channel;
      onOpen?.(channel);
    } catch (error) {
      await hangUp(connection);
      throw error;
    }
  }

  private lost(connection: ChannelModel, refusal: Error | null): void {
    this.current = null;
    if (refusal !== null) this.options.onRefused?.(refusal);
    this.reopening = this.reopen(connection);
  }

  private async reopen(gone: ChannelModel): Promise<void> {
    await null; // the library is about to close it, or only the channel is gone
    await hangUp(gone);
    while (!this.isClosed) {
      const isBack = await this.attempt().then(
        () => true,
        () => false,
      );
      if (isBack) return;
      await sleep(RETRY_MS);
    }
  }
}

/**
 * Does something on a channel of its own. Where the broker ends the connection meanwhile it is done again: twice must
 * be as good as once.
 */
export async function onChannel<T>(url: string, work: (channel: Channel) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const connection = await amqp.connect(url, { timeout: CONNECT_TIMEOUT_MS });
    let isLost = false;
    connection.on('error', () => undefined); // `close` follows
    connection.on('close', () => {
      isLost = true;
    });
    try {
      const channel = await connection.createChannel();
      channel.on('error', () => undefined); // what was asked for fails with it
      return await work(channel);
    } catch (error) {
      if (!isLost || attempt === ATTEMPTS_MAX) throw error;
    } finally {
      await hangUp(connection);
    }
  }
}

/** Resolves when it is over, in good order or not. */
function hangUp(connection: ChannelModel): Promise<void> {
  return new Promise((resolve) => {
    // Of a broker that dies meanwhile the library's promise says nothing.
    connection.once('close', () => resolve());
    connection.close().catch(() => resolve()); // it is over already
  });
}
