import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type Channel, type ChannelModel } from 'amqplib';
import { names } from '../../src/contract/messages/topology.js';
import { NO_DELAY } from '../running/no-delay.js';
import type { BenchCommand } from './workload.js';

const TICK_MS = 2;
const ANSWER_LIMIT_MS = 120_000;
const REPLY_TO = 'amq.rabbitmq.reply-to';

export interface SteadyFigures {
  /** Milliseconds from the time when a command was due to its receipt, so that a delayed sender is included. */
  latencies: number[];
  accepted: number;
  refused: number;
}

/** An open loop: commands at a steady rate, however late the answers are. */
export class SteadyLoad {
  private figures: SteadyFigures = { latencies: [], accepted: 0, refused: 0 };
  private readonly dueAt = new Map<string, number>();

  private constructor(
    private readonly connection: ChannelModel,
    private readonly channel: Channel,
    private readonly namespace: string,
  ) {}

  static async connect(url: string, namespace: string): Promise<SteadyLoad> {
    const connection = await amqp.connect(url, NO_DELAY);
    const channel = await connection.createChannel();
    const load = new SteadyLoad(connection, channel, namespace);
    await channel.consume(REPLY_TO, (message) => load.take(message?.properties.correlationId, message?.content), {
      noAck: true,
    });
    return load;
  }

  private take(commandId: string, receipt: Buffer | undefined): void {
    const due = this.dueAt.get(commandId);
    if (due === undefined || receipt === undefined) return;
    this.dueAt.delete(commandId);
    this.figures.latencies.push(performance.now() - due);
    if (receipt.includes('"status":"accepted"')) this.figures.accepted += 1;
    else this.figures.refused += 1;
  }

  /**
   * Sends all commands at this rate per second, and waits for the last answer. `onSent` gets the time when one was due.
   */
  async run(
    commands: Iterable<BenchCommand>,
    perSecond: number,
    stopping: AbortSignal,
    onSent: (commandId: string, due: number) => void = () => undefined,
  ): Promise<SteadyFigures> {
    this.figures = { latencies: [], accepted: 0, refused: 0 };
    const began = performance.now();
    let count = 0;
    for (const command of commands) {
      const due = began + (count * 1000) / perSecond;
      while (performance.now() < due) await sleep(TICK_MS);
      stopping.throwIfAborted();
      onSent(command.commandId, due);
      this.publish(command, due);
      count += 1;
    }
    const deadline = performance.now() + ANSWER_LIMIT_MS;
    while (this.dueAt.size > 0) {
      stopping.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`${this.dueAt.size} of ${count} were not answered`);
      await sleep(TICK_MS);
    }
    return this.figures;
  }

  private publish({ type, commandId, chatId, actorId, tenantId, data }: BenchCommand, due: number): void {
    this.dueAt.set(commandId, due);
    const body = Buffer.from(JSON.stringify({ tenantId, actorId, chatId, data }));
    const properties = { type, messageId: commandId, contentType: 'application/json', persistent: true };
    this.channel.publish(names.commands(this.namespace), chatId, body, { ...properties, replyTo: REPLY_TO });
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
