import { setTimeout as sleep, setImmediate as yieldOnce } from 'node:timers/promises';
import amqp, { type Channel, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { names } from '../../src/contract/messages/topology.js';
import { NO_DELAY } from '../running/no-delay.js';

const TICK_MS = 2;
const YIELD_EVERY = 50;
const REPLY_TO = 'amq.rabbitmq.reply-to';
const PREFETCH = 1_000;
const ACK_EVERY = 100;
/** If nothing arrives for this long, commands without an answer and events not dispatched count as lost. */
const STANDSTILL_MS = 60_000;
const CHAT_ID_LENGTH = 36;

export interface TrafficCommand {
  type: string;
  commandId: string;
  chatId: string;
  actorId: string;
  data: unknown;
}

/** A steady rate (open loop), or as fast as commands are answered (closed loop). */
export type Pace = { perSecond: number } | { inFlight: number };

/**
 * The ledger of a number of commands. It closes if each command was accepted once and its event arrived once, in the
 * order of its chat.
 */
export interface TrafficLedger {
  attempted: number;
  accepted: number;
  rejected: number;
  unanswered: number;
  dispatched: number;
  /** Repeated events: allowed, and counted. */
  repeated: number;
  /** Missing sequence numbers of chats. */
  gaps: number;
  undispatched: number;
}

/** Milliseconds from the time when a command was due. */
export interface Latencies {
  receipt: number[];
  dispatch: number[];
}

/** A producer and the only dispatch consumer of one namespace. */
export class ChatTraffic {
  private readonly lastSequence = new Map<string, number>();
  private readonly awaitingReceipt = new Map<string, number>();
  private readonly awaitingDispatch = new Map<string, number>();
  private totals = emptyTotals();
  private latencies: Latencies = { receipt: [], dispatch: [] };
  private heardAt = 0;
  /** Called for each accepted command. */
  onAccepted: (commandId: string, receipt: Buffer) => void = () => undefined;

  private constructor(
    private readonly connections: ChannelModel[],
    private readonly producer: Channel,
    private readonly namespace: string,
    private readonly stopping: AbortSignal,
  ) {}

  static async connect(url: string, namespace: string, stopping: AbortSignal): Promise<ChatTraffic> {
    // One connection to publish and one to consume: a blocked publisher must not stop acknowledgements.
    const connections = [await amqp.connect(url, NO_DELAY), await amqp.connect(url, NO_DELAY)];
    for (const connection of connections)
      connection.on('error', (error: Error) => console.error(`connection lost: ${error.message}`));
    const [first, second] = connections as [ChannelModel, ChannelModel];
    const [producer, consumer] = [await first.createChannel(), await second.createChannel()];
    const traffic = new ChatTraffic(connections, producer, namespace, stopping);
    await producer.consume(REPLY_TO, (message) => message !== null && traffic.takeReceipt(message), { noAck: true });
    await consumer.prefetch(PREFETCH);
    let taken = 0;
    await consumer.consume(`${namespace}.dispatch`, (message) => {
      if (message === null) return;
      traffic.takeEvent(message);
      taken += 1;
      if (taken % ACK_EVERY === 0) consumer.ack(message, true);
    });
    return traffic;
  }

  /** Sends all commands, and waits for their receipts and events. */
  async run(commands: Iterable<TrafficCommand>, pace: Pace): Promise<TrafficLedger> {
    this.totals = emptyTotals();
    this.latencies = { receipt: [], dispatch: [] };
    const began = performance.now();
    for (const command of commands) {
      let due = performance.now();
      if ('perSecond' in pace) {
        due = began + (this.totals.attempted * 1_000) / pace.perSecond;
        while (performance.now() < due) await sleep(TICK_MS);
      } else
        while (this.awaitingReceipt.size >= pace.inFlight) {
          if (performance.now() > this.heardAt + STANDSTILL_MS) throw new Error('no receipts: is the worker gone?');
          await sleep(TICK_MS);
        }
      this.stopping.throwIfAborted();
      this.send(command, due);
      // Yields also when late, so that deliveries are handled in between.
      if (this.totals.attempted % YIELD_EVERY === 0) await yieldOnce();
    }
    this.heardAt = performance.now();
    while (this.awaitingReceipt.size > 0 || this.awaitingDispatch.size > 0) {
      this.stopping.throwIfAborted();
      if (performance.now() > this.heardAt + STANDSTILL_MS) break;
      await sleep(TICK_MS);
    }
    const ledger = {
      ...this.totals,
      unanswered: this.awaitingReceipt.size,
      undispatched: this.awaitingDispatch.size,
    };
    this.awaitingReceipt.clear();
    this.awaitingDispatch.clear();
    return ledger;
  }

  /** Latencies since the last call. */
  takeLatencies(): Latencies {
    const taken = this.latencies;
    this.latencies = { receipt: [], dispatch: [] };
    return taken;
  }

  /** Commands and events in flight at present. */
  get pending(): { receipts: number; events: number; repeated: number } {
    return {
      ...{ receipts: this.awaitingReceipt.size, events: this.awaitingDispatch.size },
      repeated: this.totals.repeated,
    };
  }

  private send({ type, commandId, chatId, actorId, data }: TrafficCommand, due: number): void {
    this.totals.attempted += 1;
    this.awaitingReceipt.set(commandId, due);
    this.awaitingDispatch.set(commandId, due);
    this.heardAt = Math.max(this.heardAt, due);
    this.producer.publish(
      names.commands(this.namespace),
      chatId,
      Buffer.from(JSON.stringify({ actorId, chatId, data })),
      {
        ...{ type, messageId: commandId, contentType: 'application/json', persistent: true, replyTo: REPLY_TO },
      },
    );
  }

  private takeReceipt({ content, properties }: ConsumeMessage): void {
    const due = this.awaitingReceipt.get(properties.correlationId);
    if (due === undefined) return;
    this.heardAt = performance.now();
    this.awaitingReceipt.delete(properties.correlationId);
    this.latencies.receipt.push(this.heardAt - due);
    if (content.includes('"status":"accepted"')) {
      this.totals.accepted += 1;
      this.onAccepted(properties.correlationId, content);
    } else this.totals.rejected += 1;
  }

  /** The first event of a chat that existed before sets the expected number. */
  private takeEvent({ content, properties }: ConsumeMessage): void {
    const eventId = String(properties.messageId);
    const commandId = /"commandId":"([^"]+)"/.exec(content.toString('latin1'))?.[1] ?? '';
    const due = this.awaitingDispatch.get(commandId);
    this.awaitingDispatch.delete(commandId);
    this.heardAt = performance.now();
    if (due === undefined) this.totals.repeated += 1;
    else {
      this.totals.dispatched += 1;
      this.latencies.dispatch.push(this.heardAt - due);
    }
    // An event without a sequence number (a read mark, a refusal) has its position in the log as id.
    if (eventId.startsWith('p')) return;
    const chatId = eventId.slice(0, CHAT_ID_LENGTH);
    const sequence = Number(eventId.slice(CHAT_ID_LENGTH + 1));
    const last = this.lastSequence.get(chatId) ?? sequence - 1;
    if (sequence > last + 1) this.totals.gaps += sequence - last - 1;
    this.lastSequence.set(chatId, Math.max(last, sequence));
  }

  async close(): Promise<void> {
    for (const connection of this.connections) await connection.close();
  }
}

function emptyTotals() {
  return { attempted: 0, accepted: 0, rejected: 0, dispatched: 0, repeated: 0, gaps: 0 };
}

/** Why the ledger does not close; empty if it does. `stored`: number of receipts of these commands in the database. */
export function ledgerFaults(ledger: TrafficLedger, stored: number): string[] {
  const { attempted, accepted, rejected, unanswered, dispatched, gaps, undispatched } = ledger;
  return [
    ...(accepted === attempted ? [] : [`${accepted} of ${attempted} accepted`]),
    ...(rejected === 0 ? [] : [`${rejected} rejected`]),
    ...(unanswered === 0 ? [] : [`${unanswered} not answered`]),
    ...(stored === attempted ? [] : [`${stored} of ${attempted} stored`]),
    ...(dispatched === attempted ? [] : [`${dispatched} of ${attempted} dispatched`]),
    ...(undispatched === 0 ? [] : [`${undispatched} without an event`]),
    ...(gaps === 0 ? [] : [`${gaps} numbers left out`]),
  ];
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
