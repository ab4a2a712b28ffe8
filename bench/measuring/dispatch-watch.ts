import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type ChannelModel } from 'amqplib';
import { NO_DELAY } from '../running/no-delay.js';
import { SequenceCheck } from './sequence-check.js';

const PREFETCH = 1000;
const ACK_EVERY = 200;
/** How long to wait for events after the last receipt. */
const ARRIVAL_LIMIT_MS = 60_000;
const POLL_INTERVAL_MS = 10;

/** The only consumer of a dispatch queue. It counts events, checks the order of each chat, and measures latencies. */
export class DispatchWatch {
  /** Milliseconds from sending a command to the arrival of its event. */
  latencies: number[] = [];
  /** By `performance.now()`: arrival of the first event since the last reset, and of the last event. */
  firstAt = 0;
  lastAt = 0;
  private readonly sentAt = new Map<string, number>();
  private readonly check: SequenceCheck;

  private constructor(
    private readonly connection: ChannelModel,
    isOrdered: boolean,
  ) {
    this.check = new SequenceCheck(isOrdered);
  }

  static async connect(url: string, queue: string, isOrdered: boolean): Promise<DispatchWatch> {
    const connection = await amqp.connect(url, NO_DELAY);
    connection.on('error', (error: Error) => console.error(`connection lost: ${error.message}`));
    const watch = new DispatchWatch(connection, isOrdered);
    const channel = await connection.createChannel();
    await channel.prefetch(PREFETCH);
    let taken = 0;
    await channel.consume(queue, (message) => {
      if (message === null) return;
      watch.take(String(message.properties.messageId), message.content);
      taken += 1;
      if (taken % ACK_EVERY === 0) channel.ack(message, true);
    });
    return watch;
  }

  /** Number of events without repeats. */
  get arrived(): number {
    return this.check.arrived;
  }

  get reordered(): number {
    return this.check.reordered;
  }

  get gaps(): number {
    return this.check.gaps;
  }

  /** Resets the counters; keeps the last sequence number of each chat. */
  reset(): void {
    this.check.reset();
    this.latencies = [];
    this.firstAt = 0;
    this.sentAt.clear();
  }

  /** @param at when the command was sent, or was due, by `performance.now()` */
  sent(commandId: string, at = performance.now()): void {
    this.sentAt.set(commandId, at);
  }

  /** Waits until this many events have arrived, at most a minute. */
  async wait(count: number, stopping: AbortSignal): Promise<void> {
    const deadline = performance.now() + ARRIVAL_LIMIT_MS;
    while (this.arrived < count && performance.now() < deadline) {
      stopping.throwIfAborted();
      await sleep(POLL_INTERVAL_MS);
    }
  }

  private take(eventId: string, body: Buffer): void {
    if (!this.check.take(eventId)) return;
    this.lastAt = performance.now();
    if (this.firstAt === 0) this.firstAt = this.lastAt;
    const commandId = /"commandId":"([^"]+)"/.exec(body.toString('latin1'))?.[1] ?? '';
    const began = this.sentAt.get(commandId);
    if (began === undefined) return;
    this.sentAt.delete(commandId);
    this.latencies.push(this.lastAt - began);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
