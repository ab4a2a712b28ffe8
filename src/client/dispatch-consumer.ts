/**
 * Consumes events from a dispatch queue. The events of one chat are handled one after another in the order of their
 * sequence, each once. Events of different chats are handled concurrently. An event is acknowledged after its handler
 * has resolved; otherwise it is delivered again.
 *
 * Gaps can be detected only by the single active consumer of a queue that gets all events of a chat. A queue declared
 * with `x-single-active-consumer` guarantees that. On any other queue this consumer waits until no other one exists.
 * (Quorum queues do not support exclusive consumers.)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { CloudEvent } from '../contract/messages/events.js';
import { Acknowledgements } from './acknowledgements.js';
import { BrokerLink, plain } from './broker-link.js';
import { type LastSequences, RememberedSequences } from './last-sequences.js';
import { type ReadEvent, readEvent } from './read-event.js';

export const PREFETCH = 256;
/**
 * Interval of the check while another consumer exists. A random time of up to the same length is added, so that two
 * consumers do not check at the same moment.
 */
const OTHERS_RETRY_MS = 1_000;
/** A failed handler is called again after this time, which doubles each time. */
const HANDLER_RETRY_MS = 100;
const HANDLER_RETRY_LONGEST_MS = 30_000;
/** How long `stop` waits for running handlers. */
export const STOP_WAIT_MS = 10_000;

type EventRead = Exclude<ReadEvent, { kind: 'no event' }>;

/** Sequences of a chat that were not seen. */
export interface Gap {
  source: string;
  /** The chat. */
  partitionkey: string;
  /** The last sequence seen before, and the one that arrived. */
  last: number;
  sequence: number;
}

export interface ConsumerOptions {
  /** `amqp://` or `amqps://`. */
  url: string;
  /** For example `chat.dispatch`. */
  queue: string;
  /** Shown in the broker's list of connections. Default `dispatch`. */
  name?: string;
  /**
   * Called once for each event, unless an earlier call for it failed or its acknowledgement was lost. If it rejects, it
   * is called again, and the chat waits.
   */
  handle(event: CloudEvent): Promise<void> | void;
  /**
   * Awaited before the event after the gap is handled. The missing events can be read over REST. If it rejects, it is
   * called again.
   */
  onGap(gap: Gap): Promise<void> | void;
  /** `handle` or `onGap` failed for the `attempt`th time (1, 2 …). */
  onFailure(error: unknown, event: CloudEvent, attempt: number): void;
  /**
   * The delivery is not an event, or its type is unknown to this version. It is acknowledged, because a redelivery
   * would not help.
   */
  onSkipped?(body: Uint8Array, why: string): void;
  /** `waiting`: another consumer exists. `away`: no connection, or no such queue. */
  onState?(state: 'consuming' | 'waiting' | 'away', cause?: Error): void;
  /** Default: in memory, see `RememberedSequences`. */
  sequences?: LastSequences;
  /** The queue was declared with `x-single-active-consumer`: other consumers may wait. */
  singleActive?: boolean;
  /** Maximum number of unacknowledged events. Default 256. */
  prefetch?: number;
}

export class DispatchConsumer {
  readonly counters = { handled: 0, repeats: 0, gaps: 0, skipped: 0 };
  readonly #sequences: LastSequences;
  readonly #link: BrokerLink<Channel>;
  /** The last step of each chat with events in progress. */
  readonly #chats = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();
  /** Of the current channel. */
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

  /** Starts and runs until `stop`. It waits for a missing broker or queue. */
  static start(options: ConsumerOptions): DispatchConsumer {
    const consumer = new DispatchConsumer(options);
    consumer.#link.keepOpening();
    return consumer;
  }

  /** Starts no further event, waits for running handlers, at most `waitMs`, and disconnects. */
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
    /**
     * Deliveries are buffered until it is certain that no other consumer started at the same moment: one of the two
     * must not have handled any.
     */
    let early: ConsumeMessage[] | null = [];
    await channel.consume(queue, (message) => {
      if (message === null)
        channel.close().catch(() => undefined); // The queue was deleted or has moved, so start again.
      else if (early === null) this.#take(acknowledgements, message);
      else early.push(message);
    });
    if (!singleActive && (await channel.checkQueue(queue)).consumerCount > 1)
      throw new Error(`another consumer of ${queue} started at the same moment`);
    onState?.('consuming');
    const held = early;
    early = null;
    for (const message of held) this.#take(acknowledgements, message);
  }

  #take(acknowledgements: Acknowledgements, message: ConsumeMessage): void {
    if (this.#isStopping) return; // The event is requeued with the channel.
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

  /** Rejects with `Stopped` if the consumer is stopped before the event was handled. */
  async #process(chat: string, { kind, event, sequence }: EventRead, message: ConsumeMessage): Promise<void> {
    if (this.#isStopping) throw new Stopped();
    const last = sequence === null ? undefined : await this.#retry(event, () => this.#sequences.get(chat));
    if (sequence !== null && last !== undefined) {
      if (sequence <= last) {
        this.counters.repeats += 1; // Published more than once or redelivered: it was already handled.
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
   * Retries until it succeeds. The chat's later events wait. If the event were requeued, later events would overtake
   * it, and a queue may limit redeliveries.
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
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined); // Stopped.
  }
}

/** The consumer was stopped. Unacknowledged events are delivered again. */
class Stopped extends Error {}

function passOver(error: unknown): void {
  if (!(error instanceof Stopped)) throw error;
}
