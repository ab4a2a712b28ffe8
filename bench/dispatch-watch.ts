import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type ChannelModel } from 'amqplib';
import { SequenceCheck } from './sequence-check.js';

const PREFETCH = 1000;
const ACK_EVERY = 200;
/** After the last receipt. */
const ARRIVAL_LIMIT_MS = 60_000;
const POLL_INTERVAL_MS = 10;

/** The only consumer of a dispatch queue: counts events, holds them against the order of their chats, and measures how long they took. */
export class DispatchWatch {
  /** From sending the command to its event's arrival, in milliseconds. */
  latencies: number[] = [];
  /** By `performance.now()`; of the first event since the last reset and of the last one. */
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
    const connection = await amqp.connect(url);
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

  /** First copies. */
  get arrived(): number {
    return this.check.arrived;
  }

  get reordered(): number {
    return this.check.reordered;
  }

  get gaps(): number {
    return this.check.gaps;
  }

  /** Counts anew; where each chat stands is kept. */
  reset(): void {
    this.check.reset();
    this.latencies = [];
    this.firstAt = 0;
    this.sentAt.clear();
  }

  /** @param at when it was sent, or due to be, by `performance.now()` */
  sent(commandId: string, at = performance.now()): void {
    this.sentAt.set(commandId, at);
  }

  /** Waits until so many have arrived, or for a minute. */
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
