import type { TransportCounters } from '../../../../application/ports/transport/transport.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { toError } from '../../../../infrastructure/amqp/amqp-failure.js';
import type { Logger } from '../../../../infrastructure/logging/logger.js';
import { ConfirmedChannel } from '../publish/confirmed-channel.js';
import { LazyChannel } from '../publish/lazy-channel.js';
import {
  contentOf,
  ensureStarted,
  isOutdated,
  type OutgoingReceipt,
  propertiesOf,
  RECEIPTS_WAITING_MAX,
} from './receipt-lane.js';

/**
 * Maximum number of origins that wait for their test. For a new one, the origin with the fewest receipts is dropped.
 */
export const ORIGINS_WAITING_MAX = 64;
/** Maximum number of origins remembered as refused. Above it the oldest is removed. */
export const ORIGINS_REFUSED_MAX = 1_000;
/** How long a refused origin stays refused: its node may join the cluster later. */
export const ORIGIN_REFUSED_MS = 60_000;
/** An operator closed the connection, or the broker stops. This says nothing about the address. */
const CONNECTION_FORCED = 320;
const ONE_AT_A_TIME = 'one';

/**
 * Sends to direct reply-to addresses of an origin that is not tested yet (see reply-address.ts). The first receipt for
 * it is published alone, on a connection that nothing else uses. If the broker confirms it, the origin is proven. If
 * the broker ends the channel or connection, the origin is refused for some time. So a forged address costs only this
 * connection, and addresses of other origins wait at most for its return.
 */
export class UntestedReplyOrigins {
  readonly #connection: AmqpConnection;
  readonly #kept: LazyChannel<ConfirmedChannel>;
  readonly #counters: TransportCounters;
  readonly #logger: Logger;
  readonly #onProven: (origin: string, waiting: OutgoingReceipt[]) => void;
  readonly #waiting = new Map<string, OutgoingReceipt[]>();
  /** By origin: the end of the refusal, in milliseconds since 1970. */
  readonly #refused = new Map<string, number>();
  #isUnderTrial = false;
  /** The last cause of a lost channel or connection. */
  #lastLoss: unknown;

  /** `onProven` gets the other receipts that waited for that origin. */
  constructor(
    connection: AmqpConnection,
    onProven: (origin: string, waiting: OutgoingReceipt[]) => void,
    counters: TransportCounters,
    logger: Logger,
  ) {
    this.#connection = connection;
    this.#onProven = onProven;
    this.#counters = counters;
    this.#logger = logger;
    this.#kept = new LazyChannel(connection, async (model) => {
      const channel = await model.createConfirmChannel();
      const held = new ConfirmedChannel(channel, () => ONE_AT_A_TIME);
      channel.on('error', (error) => {
        this.#lastLoss = error;
      });
      return { channel, held };
    });
    connection.onLost((cause) => {
      this.#lastLoss = cause;
    });
    connection.onOpen(() => this.#tryNext());
  }

  send(origin: string, outgoing: OutgoingReceipt): void {
    const until = this.#refused.get(origin);
    if (until !== undefined) {
      if (until > Date.now()) {
        this.#counters.receiptsIgnored += 1;
        return;
      }
      this.#refused.delete(origin);
    }
    const waiting = this.#waiting.get(origin);
    if (waiting === undefined && this.#waiting.size >= ORIGINS_WAITING_MAX) this.#dropFewest();
    // One origin may have all of it: a producer may begin with a burst.
    if (this.#waitingCount() >= RECEIPTS_WAITING_MAX) this.#counters.receiptsDropped += 1;
    else if (waiting === undefined) this.#waiting.set(origin, [outgoing]);
    else waiting.push(outgoing);
    ensureStarted(this.#connection, this.#logger);
    this.#tryNext();
  }

  /** Waiting receipts are dropped. */
  close(): Promise<void> {
    this.#waiting.clear();
    return this.#kept.close();
  }

  /**
   * Tests one origin at a time, so that the cause of a loss is clear. The origin with the most receipts comes first,
   * because it is the least likely to be forged.
   */
  #tryNext(): void {
    if (this.#isUnderTrial || this.#connection.state !== 'open') return;
    for (const [origin, receipts] of this.#waiting) {
      const current = receipts.filter((outgoing) => !isOutdated(outgoing));
      this.#counters.receiptsDropped += receipts.length - current.length;
      if (current.length === 0) this.#waiting.delete(origin);
      else this.#waiting.set(origin, current);
    }
    const most = [...this.#waiting].sort(([, one], [, other]) => other.length - one.length)[0];
    if (most === undefined) return;
    const [origin, [first]] = most;
    if (first === undefined) return;
    this.#isUnderTrial = true;
    void this.#try(origin, first).finally(() => {
      this.#isUnderTrial = false;
      this.#tryNext();
    });
  }

  /** Never rejects. */
  async #try(origin: string, outgoing: OutgoingReceipt): Promise<void> {
    try {
      const confirmed = await this.#kept.get();
      this.#lastLoss = undefined;
      const message = { exchange: '', routingKey: outgoing.replyTo, body: contentOf(outgoing) };
      const outcome = await confirmed.publishOne({ ...message, properties: propertiesOf(outgoing) }, ONE_AT_A_TIME);
      if (outcome === 'lost' && !isRefusal(this.#lastLoss)) {
        this.#postpone(origin, this.#lastLoss);
        return;
      }
      const others = (this.#waiting.get(origin) ?? []).filter((waiting) => waiting !== outgoing);
      this.#waiting.delete(origin);
      if (outcome === 'lost' || outcome === 'timed out') this.#refuse(origin, 1 + others.length);
      else this.#onProven(origin, others);
      if (outcome === 'timed out') await this.#kept.close();
    } catch (error) {
      this.#postpone(origin, error);
    }
  }

  /**
   * The test had no result. If the connection is gone, the origin waits for the next one. On an open connection it
   * would fail again without a pause.
   */
  #postpone(origin: string, error: unknown): void {
    this.#logger.debug('direct reply-to address not tested', { origin, error: toError(error).message });
    if (this.#connection.state !== 'open') return;
    this.#counters.receiptsDropped += this.#waiting.get(origin)?.length ?? 0;
    this.#waiting.delete(origin);
  }

  #refuse(origin: string, receipts: number): void {
    this.#counters.receiptsIgnored += receipts;
    const [oldest] = this.#refused.keys();
    if (this.#refused.size >= ORIGINS_REFUSED_MAX && oldest !== undefined) this.#refused.delete(oldest);
    this.#refused.set(origin, Date.now() + ORIGIN_REFUSED_MS);
    this.#logger.warn('direct reply-to addresses refused; connection closed by broker', {
      origin,
      receipts,
    });
  }

  #waitingCount(): number {
    let count = 0;
    for (const receipts of this.#waiting.values()) count += receipts.length;
    return count;
  }

  #dropFewest(): void {
    const [fewest] = [...this.#waiting].sort(([, one], [, other]) => one.length - other.length);
    if (fewest === undefined) return;
    this.#waiting.delete(fewest[0]);
    this.#counters.receiptsDropped += fewest[1].length;
  }
}

/** Whether the broker closed the channel or connection because of the published message. */
function isRefusal(cause: unknown): boolean {
  const code: unknown = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'number' && code !== CONNECTION_FORCED;
}
