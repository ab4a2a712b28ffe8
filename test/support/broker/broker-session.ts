import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type Channel, type ChannelModel } from 'amqplib';

/** Pause between two attempts. It is short, because recovery times are measured. */
const RETRY_MS = 20;
const CONNECT_TIMEOUT_MS = 10_000;
const ATTEMPTS_MAX = 5;

export interface SessionOptions<C extends Channel> {
  url: string;
  create(connection: ChannelModel): Promise<C>;
  /** Prepares a new channel. */
  setUp(channel: C): Promise<unknown>;
  /** Called when the channel is ready, also after a reconnect. */
  onOpen?(channel: C): void;
  /**
   * Called when the broker refuses an operation and closes the channel. The pending operations would be refused again.
   */
  onRefused?(error: Error): void;
}

/** A connection with one channel that reconnects by itself, so that results of a test do not depend on a connection. */
export class BrokerSession<C extends Channel> {
  private connection: ChannelModel | null = null;
  private current: C | null = null;
  private isClosed = false;
  private reopening = Promise.resolve();

  private constructor(private readonly options: SessionOptions<C>) {}

  /** Rejects if the first attempt to connect fails. */
  static async open<C extends Channel>(options: SessionOptions<C>): Promise<BrokerSession<C>> {
    const session = new BrokerSession(options);
    await session.attempt();
    return session;
  }

  /** Null while disconnected. */
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
      // Before the library's own listener, which rejects all unconfirmed publishes.
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

/** Runs a function on a new channel. If the broker closes the connection, it runs again, so it must be idempotent. */
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

/** Resolves when the connection is closed, with or without an error. */
function hangUp(connection: ChannelModel): Promise<void> {
  return new Promise((resolve) => {
    // The library's promise does not settle if the broker ends meanwhile.
    connection.once('close', () => resolve());
    connection.close().catch(() => resolve()); // it is over already
  });
}
