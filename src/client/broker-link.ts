import { setTimeout as sleep } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib';

const CONNECT_TIMEOUT_MS = 5_000;
/** Two missed beats end the connection: a peer that has fallen silent is noticed within 20 s. */
const HEARTBEAT_S = 10;
/** The ceiling of the first pause before another attempt; it doubles with each, up to the longest. */
const RECONNECT_FIRST_MS = 100;
const RECONNECT_LONGEST_MS = 5_000;
/** How long a polite closing may take. */
const CLOSE_TIMEOUT_MS = 5_000;

export interface LinkOptions<C extends Channel> {
  url: string;
  /** Shown in the broker's list of connections. */
  name: string;
  open(model: ChannelModel): Promise<C>;
  /** Makes a fresh channel ready; called once after each opening, with nothing awaited in between. */
  setUp(channel: C): Promise<void>;
  /** An attempt to connect failed, or what was open has gone. It is tried again by itself. */
  onAway?(cause: Error): void;
}

export const confirming = (model: ChannelModel): Promise<ConfirmChannel> => model.createConfirmChannel();
export const plain = (model: ChannelModel): Promise<Channel> => model.createChannel();

/** One connection with one channel, opened again for ever until it is closed. What was on the channel goes with it: `setUp` makes it anew. */
export class BrokerLink<C extends Channel> {
  #model: ChannelModel | null = null;
  #channel: C | null = null;
  #isClosing = false;
  #life: Promise<void> = Promise.resolve();
  readonly #pause = new AbortController();

  constructor(private readonly options: LinkOptions<C>) {}

  /** Rejects if the first attempt fails; afterwards the link looks after itself. */
  async open(): Promise<void> {
    const { gone } = await this.#attempt();
    this.#life = this.#stayOpen(gone);
  }

  /** Does not reject: the first attempt is tried again like any other. */
  keepOpening(): void {
    this.#life = this.#stayOpen(Promise.resolve());
  }

  /** Ends the connection for good. Never rejects. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#pause.abort();
    // The channel first: what was said on it, acknowledgements for instance, goes before; the connection's own end might overtake it.
    if (this.#channel !== null) await this.#closed(this.#channel);
    await this.#hangUp();
    await this.#life;
  }

  /** Resolves when open and set up, with a promise of the end. */
  async #attempt(): Promise<{ gone: Promise<void> }> {
    const { name, open, setUp } = this.options;
    const model = await connect(this.#address(), {
      timeout: CONNECT_TIMEOUT_MS,
      clientProperties: { connection_name: name },
    });
    this.#model = model;
    let cause = new Error('the connection to the broker has gone');
    model.on('error', (error) => {
      cause = error; // `close` follows
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
        cause = error; // `close` follows
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
    // The URL class would put the whole text, password included, into its error.
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
      // Anything from nothing to the ceiling, so that a fleet does not return in step.
      await sleep(Math.random() * ceilingMs, undefined, { signal: this.#pause.signal }).catch(() => undefined); // told to close
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

  /** The library's own promise stays open if the other side vanishes meanwhile; the `close` event comes in the end. */
  async #closed(what: ChannelModel | Channel): Promise<void> {
    const closed = new Promise<void>((resolve) => what.once('close', () => resolve()));
    what.close().catch(() => undefined); // it is closing already
    await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  }
}
