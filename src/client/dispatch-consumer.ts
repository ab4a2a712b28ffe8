/**
 * Takes events from a dispatch queue and hands them on: the events of a chat one after the other, in the order of their sequence, each once;
 * those of different chats beside each other. An event is acknowledged after its handler has resolved; what was not is delivered again.
 *
 * That nothing was missed can be proven only by the one active consumer of a queue that gets all of a chat's events. A queue declared with
 * `x-single-active-consumer` sees to that itself; on any other this waits until nobody else consumes. (Quorum queues know no exclusive
 * consumers.)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { CloudEvent } from '../contract/messages/events.js';
import { Acknowledgements } from './acknowledgements.js';
import { BrokerLink, plain } from './broker-link.js';
import { type LastSequences, RememberedSequences } from './last-sequences.js';
import { type ReadEvent, readEvent } from './read-event.js';

export const PREFETCH = 256;
/** While somebody else consumes, so often is asked again; anything up to this long is added, so that two do not ask in step. */
const OTHERS_RETRY_MS = 1_000;
/** A handler that failed is called again after this long; each further time the wait doubles. */
const HANDLER_RETRY_MS = 100;
const HANDLER_RETRY_LONGEST_MS = 30_000;
/** How long `stop` waits for handlers in hand. */
export const STOP_WAIT_MS = 10_000;

type EventRead = Exclude<ReadEvent, { kind: 'no event' }>;

/** Numbers of a chat that were not seen. */
export interface Gap {
  source: string;
  /** The chat. */
  partitionkey: string;
  /** The last sequence seen before, and the one that came. */
  last: number;
  sequence: number;
}

export interface ConsumerOptions {
  /** `amqp://` or `amqps://`. */
  url: string;
  /** For instance `chat.dispatch`. */
  queue: string;
  /** Shown in the broker's list of connections; default `dispatch`. */
  name?: string;
  /**
   * Called once for each event, unless an earlier call for it failed or its acknowledgement was lost. If it rejects it is called again, and the
   * chat waits.
   */
  handle(event: CloudEvent): Promise<void> | void;
  /** Awaited before the event after the gap is handled: what is missing can be read over REST. If it rejects it is called again. */
  onGap(gap: Gap): Promise<void> | void;
  /** `handle` or `onGap` failed for the `attempt`th time (1, 2 …). */
  onFailure(error: unknown, event: CloudEvent, attempt: number): void;
  /** Something that is no event, or of a type unknown to this version. It is acknowledged: nobody here could ever make more of it. */
  onSkipped?(body: Uint8Array, why: string): void;
  /** `waiting`: somebody else consumes; `away`: no connection, or no such queue. */
  onState?(state: 'consuming' | 'waiting' | 'away', cause?: Error): void;
  /** Default: in memory, see `RememberedSequences`. */
  sequences?: LastSequences;
  /** The queue was declared with `x-single-active-consumer`: others may wait in line. */
  singleActive?: boolean;
  /** At most this many events are in hand at a time; default 256. */
  prefetch?: number;
}

export class DispatchConsumer {
  readonly counters = { handled: 0, repeats: 0, gaps: 0, skipped: 0 };
  readonly #sequences: LastSequences;
  readonly #link: BrokerLink<Channel>;
  /** The last step of each chat that has events in hand. */
  readonly #chats = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();
  /** Of the present channel. */
  #acknowledgements: Acknowledgements | null = null;

  private constructor(private readonly options: ConsumerOptions) {
    const { url, name = 'dispatch' } = options;
    this.#sequences = options.sequences ?? new RememberedSequences();
    this.#link = new BrokerLink({
      ...{ url, name, open: plain },
      setUp: (channel) => this.#consume(channel),
      onAway: (cause) => options.onState?.('away', cause),
    });
  }

  /** Begins, and goes on until `stop`: a broker or a queue that is not there is waited for. */
  static start(options: ConsumerOptions): DispatchConsumer {
    const consumer = new DispatchConsumer(options);
    consumer.#link.keepOpening();
    return consumer;
  }

  /** Begins no further event, waits for those in hand, no longer than `waitMs`, and disconnects. */
  async stop({ waitMs = STOP_WAIT_MS }: { waitMs?: number } = {}): Promise<void> {
    this.#stopping.abort();
    const inHand = Promise.all(this.#chats.values());
    await Promise.race([inHand, sleep(waitMs, undefined, { ref: false })]);
    this.#acknowledgements?.flush();
    await this.#link.close();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #consume(channel: Channel): Promise<void> {
    const { queue, prefetch = PREFETCH, singleActive = false, onState } = this.options;
    let isOpen = true;
    const acknowledgements = new Acknowledgements(channel);
    this.#acknowledgements = acknowledgements;
    channel.once('close', () => {
      isOpen = false;
    });
    await channel.prefetch(prefetch);
    for (let told = false; !singleActive; told = true) {
      const { consumerCount } = await channel.checkQueue(queue);
      if (consumerCount === 0) break;
      if (!told) onState?.('waiting');
      await this.#pause(OTHERS_RETRY_MS * (1 + Math.random()));
      if (this.#isStopping || !isOpen) return;
    }
    /** Not handled before it is sure that nobody began in the same moment: one of the two must not have dealt with anything. */
    let early: ConsumeMessage[] | null = [];
    await channel.consume(queue, (message) => {
      if (message === null)
        channel.close().catch(() => undefined); // the queue was deleted or has moved: begin anew
      else if (early === null) this.#take(acknowledgements, message);
      else early.push(message);
    });
    if (!singleActive && (await channel.checkQueue(queue)).consumerCount > 1)
      throw new Error(`somebody else began to consume from ${queue} in the same moment`);
    onState?.('consuming');
    const held = early;
    early = null;
    for (const message of held) this.#take(acknowledgements, message);
  }

  #take(acknowledgements: Acknowledgements, message: ConsumeMessage): void {
    if (this.#isStopping) return; // it goes back with the channel
    acknowledgements.expect(message);
    const read = readEvent(message.content);
    if (read.kind === 'no event') {
      this.#skip(message, read.why);
      acknowledgements.dealtWith(message);
      return;
    }
    const chat = `${read.event.source} ${read.event.partitionkey}`;
    const before = this.#chats.get(chat) ?? Promise.resolve();
    const done = before
      .then(() => this.#process(chat, read, message))
      .then(() => acknowledgements.dealtWith(message), passOver)
      .finally(() => {
        if (this.#chats.get(chat) === done) this.#chats.delete(chat);
      });
    this.#chats.set(chat, done);
  }

  /** Rejects with `Stopped` if told to stop before the event was dealt with. */
  async #process(chat: string, { kind, event, sequence }: EventRead, message: ConsumeMessage): Promise<void> {
    if (this.#isStopping) throw new Stopped();
    const last = sequence === null ? undefined : await this.#retry(event, () => this.#sequences.get(chat));
    if (sequence !== null && last !== undefined) {
      if (sequence <= last) {
        this.counters.repeats += 1; // published more than once, or delivered again: it was dealt with
        return;
      }
      if (sequence > last + 1) {
        this.counters.gaps += 1;
        const { source, partitionkey } = event;
        await this.#retry(event, () => this.options.onGap({ source, partitionkey, last, sequence }));
      }
    }
    if (kind === 'unknown type') this.#skip(message, `the type ${event.type} is not known here`);
    else {
      await this.#retry(event, () => this.options.handle(event));
      this.counters.handled += 1;
    }
    if (sequence !== null) await this.#retry(event, () => this.#sequences.set(chat, sequence));
  }

  /**
   * Tries until it succeeds. The chat's later events wait behind it: giving it back instead would let them pass, and a queue may count how often
   * a message came back.
   */
  async #retry<T>(event: CloudEvent, action: () => T | Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await action();
      } catch (error) {
        this.options.onFailure(error, event, attempt);
        await this.#pause(Math.min(HANDLER_RETRY_MS * 2 ** (attempt - 1), HANDLER_RETRY_LONGEST_MS));
        if (this.#isStopping) throw new Stopped();
      }
    }
  }

  #skip(message: ConsumeMessage, why: string): void {
    this.counters.skipped += 1;
    this.options.onSkipped?.(message.content, why);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined); // told to stop
  }
}

/** Told to stop: what is not acknowledged is delivered again. */
class Stopped extends Error {}

function passOver(error: unknown): void {
  if (!(error instanceof Stopped)) throw error;
}
