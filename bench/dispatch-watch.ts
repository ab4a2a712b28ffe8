import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type ChannelModel } from 'amqplib';

const PREFETCH = 1000;
const ACK_EVERY = 200;
/** After the last receipt. */
const ARRIVAL_LIMIT_MS = 60_000;
const POLL_INTERVAL_MS = 10;
const CHAT_ID_LENGTH = 36;

/** The only consumer of a dispatch queue: counts events, holds them against the order of their chats, and measures how long they took. */
export class DispatchWatch {
  /** Events in their chat's order; of a service that promises none, all. */
  arrived = 0;
  reordered = 0;
  /** From sending the command to its event's arrival, in milliseconds. */
  latencies: number[] = [];
  private readonly lastSequence = new Map<string, number>();
  private readonly sentAt = new Map<string, number>();

  private constructor(
    private readonly connection: ChannelModel,
    private readonly isOrdered: boolean,
  ) {}

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

  /** Counts anew. */
  reset(): void {
    this.arrived = 0;
    this.reordered = 0;
    this.latencies = [];
    this.sentAt.clear();
  }

  sent(commandId: string): void {
    this.sentAt.set(commandId, performance.now());
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
    const chatId = eventId.slice(0, CHAT_ID_LENGTH);
    const sequence = Number(eventId.slice(CHAT_ID_LENGTH + 1));
    const expected = (this.lastSequence.get(chatId) ?? 0) + 1;
    if (this.isOrdered && sequence < expected) return; // a repeat
    if (this.isOrdered && sequence > expected) this.reordered += 1;
    else this.arrived += 1;
    this.lastSequence.set(chatId, sequence);
    this.clock(body);
  }

  private clock(body: Buffer): void {
    const commandId = /"commandId":"([^"]+)"/.exec(body.toString('latin1'))?.[1] ?? '';
    const began = this.sentAt.get(commandId);
    if (began === undefined) return;
    this.sentAt.delete(commandId);
    this.latencies.push(performance.now() - began);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
