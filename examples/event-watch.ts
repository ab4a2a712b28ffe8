/**
 * Counts the events of some chats on its own exclusive queue. It sees only events that are published while it is
 * connected; a lost connection ends it. (A dispatch consumer has a durable queue: see dispatch-worker.ts.)
 */

import { type CloudEvent, names } from '@parley-chat/client/contract';
import { type ChannelModel, type ConsumeMessage, connect } from 'amqplib';

const CONNECT_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 50;

/** The identity of an event: its sequence in its chat; for a read mark, which has no sequence, its command. */
export const numberedEvent = (chatId: string, sequence: number) => `${chatId}/${sequence}`;
export const readEvent = (chatId: string, commandId: string) => `${chatId} ${commandId}`;

export class EventWatch {
  /**
   * `copies` of events; among them `repeats`, `gaps`, and events without a sequence: distinct `reads`, and `refusals`.
   */
  readonly counters = { copies: 0, repeats: 0, gaps: 0, reads: 0, refusals: 0 };
  /** False after a lost connection: events can be missing. */
  isComplete = true;
  private readonly lastSequence = new Map<string, number>();
  private readonly seen = new Set<string>();
  private isClosing = false;

  private constructor(private readonly model: ChannelModel) {
    model.on('error', () => undefined); // `close` follows
    model.on('close', () => {
      this.isComplete = this.isClosing;
    });
  }

  /** Routing keys of events are `<type>.<tenant>.<chat id>`, where a type has two words. */
  static async open(url: string, namespace: string, chatIds: readonly string[]): Promise<EventWatch> {
    const model = await connect(url, {
      timeout: CONNECT_TIMEOUT_MS,
      clientProperties: { connection_name: 'irc-replay events' },
    });
    const watch = new EventWatch(model);
    try {
      const channel = await model.createChannel();
      channel.on('error', () => undefined); // the request that caused it is rejected
      const { queue } = await channel.assertQueue('', { exclusive: true });
      for (const chatId of chatIds) await channel.bindQueue(queue, names.events(namespace), `*.*.*.${chatId}`);
      await channel.consume(queue, (message) => watch.take(message), { noAck: true });
    } catch (error) {
      await model.close().catch(() => undefined); // already closed
      throw error;
    }
    return watch;
  }

  /** Number of distinct numbered events and read marks. */
  get distinct(): number {
    return this.seen.size;
  }

  /** Waits for all expected events, at most `withinMs` after the last new one. Returns the number of missing events. */
  async missing(expected: readonly string[], withinMs: number): Promise<number> {
    let outstanding = [...expected];
    let lastProgressAt = Date.now();
    for (;;) {
      const before = outstanding.length;
      outstanding = outstanding.filter((event) => !this.seen.has(event));
      if (outstanding.length < before) lastProgressAt = Date.now();
      if (outstanding.length === 0 || !this.isComplete || Date.now() - lastProgressAt > withinMs)
        return outstanding.length;
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
    }
  }

  async close(): Promise<void> {
    this.isClosing = this.isComplete;
    await this.model.close().catch(() => undefined); // already closed
  }

  private take(message: ConsumeMessage | null): void {
    if (message === null) {
      this.isComplete = false;
      return;
    }
    this.counters.copies += 1;
    const { data } = JSON.parse(message.content.toString('utf8')) as CloudEvent;
    const chatId = 'chatId' in data ? data.chatId : null;
    const sequence = 'sequence' in data ? data.sequence : null;
    if (message.properties.type === 'chat.read' && chatId !== null) {
      const event = readEvent(chatId, data.commandId);
      if (this.seen.has(event)) this.counters.repeats += 1;
      else this.counters.reads += 1;
      this.seen.add(event);
      return;
    }
    if (chatId === null || sequence === null || message.properties.type === 'command.rejected') {
      this.counters.refusals += 1;
      return;
    }
    const last = this.lastSequence.get(chatId);
    if (last !== undefined && sequence <= last) this.counters.repeats += 1;
    else {
      if (last !== undefined && sequence > last + 1) this.counters.gaps += 1;
      this.lastSequence.set(chatId, sequence);
    }
    this.seen.add(numberedEvent(chatId, sequence));
  }
}
