import { setTimeout as sleep } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib';

const CONNECT_TIMEOUT_MS = 5_000;
/** Two missed heartbeats end the connection: an unresponsive peer is noticed within 20 s. */
const HEARTBEAT_S = 10;
/** Upper bound of the first pause before a retry. It doubles with each attempt, up to the maximum. */
const RECONNECT_FIRST_MS = 100;
const RECONNECT_LONGEST_MS = 5_000;
/** Maximum time for an orderly close. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface LinkOptions<C extends Channel> {
  url: string;
  /** Shown in the broker's list of connections. */
  name: string;
  open(model: ChannelModel): Promise<C>;
  /** Prepares a new channel. Called once after each opening, with no await in between. */
  setUp(channel: C): Promise<void>;
  /** An attempt to connect failed, or the connection was lost. The link retries. */
  onAway?(cause: Error): void;
}

export const confirming = (model: ChannelModel): Promise<ConfirmChannel> => model.createConfirmChannel();
export const plain = (model: ChannelModel): Promise<Channel> => model.createChannel();

/**
 * One connection with one channel. It reconnects until it is closed. Everything on a channel is lost with it, and
 * `setUp` creates it again.
 */
export class BrokerLink<C extends Channel> {
  #model: ChannelModel | null = null;
  #channel: C | null = null;
  #isClosing = false;
  #life: Promise<void> = Promise.resolve();
  readonly #pause = new AbortController();

  constructor(private readonly options: LinkOptions<C>) {}

  /** Rejects if the first attempt fails. After that, the link reconnects on its own. */
  async open(): Promise<void> {
    const { gone } = await this.#attempt();
    this.#life = this.#stayOpen(gone);
  }

  /** Does not reject: the first attempt is retried like any other. */
  keepOpening(): void {
    this.#life = this.#stayOpen(Promise.resolve());
  }

  /** Closes the connection permanently. Never rejects. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#pause.abort();
    // The channel is closed first. Otherwise the end of the connection could overtake frames of the channel, such as
    // acknowledgements.
    if (this.#channel !== null) await this.#closed(this.#channel);
    await this.#hangUp();
    await this.#life;
  }

  /** Resolves when the channel is open and set up, with a promise that settles at its end. */
  async #attempt(): Promise<{ gone: Promise<void> }> {
    const { name, open, setUp } = this.options;
    const model = await connect(this.#address(), {
      timeout: CONNECT_TIMEOUT_MS,
      // Otherwise a small message can wait up to 40 ms for TCP's acknowledgement of the one before (Nagle's algorithm).
      noDelay: true,
      clientProperties: { connection_name: name },
    });
    this.#model = model;
    let cause = new Error('the connection to the broker is closed');
    model.on('error', (error) => {
      cause = error; // `close` follows.
    });
    let isReady = false;
    const gone = new Promise<void>((resolve) => model.once('close', () => resolve())).then(() => {
      if (this.#model === model) this.#model = null;
      if (isReady && !this.#isClosing) this.options.onAway?.(cause);
    });
    try {
      if (this.#isClosing) throw new Error('closed while connecting');
      const channel = await open(model);
      channel.on('error', (error) => {
        cause = error; // `close` follows.
      });
      this.#channel = channel;
      channel.once('close', () => {
        this.#channel = null;
        void this.#hangUp();
      });
      await setUp(channel);
      isReady = true;
    } catch (error) {
      await this.#hangUp();
      throw error;
    }
    return { gone };
  }

  #address(): string {
    // The URL class would put the whole text, including the password, into its error.
    if (!URL.canParse(this.options.url)) throw new Error('the broker address is not a URL');
    const url = new URL(this.options.url);
    if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(HEARTBEAT_S));
    return url.href;
  }

  async #stayOpen(first: Promise<void>): Promise<void> {
    let gone = first;
    let ceilingMs = RECONNECT_FIRST_MS;
    for (;;) {
      await gone;
      if (this.#isClosing) return;
      // Random between zero and the upper bound, so that many clients do not reconnect at the same moment. A close ends
      // the pause.
      await sleep(Math.random() * ceilingMs, undefined, { signal: this.#pause.signal }).catch(() => undefined);
      if (this.#isClosing) return;
      try {
        ({ gone } = await this.#attempt());
        ceilingMs = RECONNECT_FIRST_MS;
      } catch (error) {
        this.options.onAway?.(error as Error);
        gone = Promise.resolve();
        ceilingMs = Math.min(ceilingMs * 2, RECONNECT_LONGEST_MS);
      }
    }
  }

  async #hangUp(): Promise<void> {
    if (this.#model !== null) await this.#closed(this.#model);
  }

  /** The library's own promise never settles if the peer disappears meanwhile, but the `close` event is emitted. */
  async #closed(what: ChannelModel | Channel): Promise<void> {
    const closed = new Promise<void>((resolve) => what.once('close', () => resolve()));
    what.close().catch(() => undefined); // Already closing.
    await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  }
}
