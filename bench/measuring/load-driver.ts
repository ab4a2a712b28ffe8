import { setTimeout as sleep } from 'node:timers/promises';
import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import type { Receipt } from '../../src/contract/messages/receipts.js';
import { names } from '../../src/contract/messages/topology.js';
import type { BenchCommand } from '../quota/workload.js';
import { NO_DELAY } from '../running/no-delay.js';
import { Answers, deliveryOf } from './answers.js';

/** If a service gives no answer for this long, it counts as dead. */
const STALL_LIMIT_MS = 60_000;
/** Number of answers between two reports of the progress. */
const PROGRESS_EVERY = 100;
/** Timer resolution of an open loop. A delay of the loop itself is part of the measured latency. */
const PACE_MS = 1;
const MS_PER_SECOND = 1_000;
const REPLY_TO = 'amq.rabbitmq.reply-to';

/** The producer. It compares each answer with the expected one; `answers` has the answers of the last run. */
export class LoadDriver {
  answers = new Answers();
  /** Called for every answer, with its command. */
  onAnswered: (command: BenchCommand, receipt: Receipt) => void = () => undefined;
  private wake: () => void = () => undefined;
  private onProgress: (answered: number) => void = () => undefined;

  private constructor(
    private readonly connection: ChannelModel,
    private readonly channel: ConfirmChannel,
    private readonly namespace: string,
    private readonly inFlightMax: number,
    private readonly stopping: AbortSignal,
  ) {}

  static async connect(
    url: string,
    namespace: string,
    inFlightMax: number,
    stopping: AbortSignal,
  ): Promise<LoadDriver> {
    const connection = await amqp.connect(url, NO_DELAY);
    connection.on('error', (error: Error) => console.error(`connection lost: ${error.message}`));
    const channel = await connection.createConfirmChannel();
    const driver = new LoadDriver(connection, channel, namespace, inFlightMax, stopping);
    await channel.consume(REPLY_TO, (message) => driver.take(message?.properties.correlationId, message?.content), {
      noAck: true,
    });
    return driver;
  }

  private take(deliveryId: string, body: Buffer | undefined): void {
    if (body === undefined) return;
    const receipt = JSON.parse(body.toString()) as Receipt;
    const command = this.answers.took(deliveryId, receipt);
    if (command !== undefined) this.onAnswered(command, receipt);
    if (this.answers.receipted % PROGRESS_EVERY === 0) this.onProgress(this.answers.receipted);
    this.wake();
  }

  /**
   * A closed loop: publishes all commands with a limited number in flight, and waits for the last answer.
   * @param onSend called before each publish
   * @param onProgress called regularly with the number of answers
   * @returns the number of rejected commands
   */
  async run(
    commands: Iterable<BenchCommand>,
    onSend: (commandId: string) => void,
    onProgress: (answered: number) => void,
  ): Promise<number> {
    this.begin(onProgress);
    for (const command of commands) {
      while (this.answers.waiting >= this.inFlightMax) await this.nextAnswer();
      onSend(command.commandId);
      await this.publish(command);
    }
    await this.allAnswered();
    return this.answers.receipted - this.answers.accepted;
  }

  /**
   * An open loop: publishes at a steady rate per second, however late the answers are, and waits for the last answer.
   * @param onDue called before each publish with the time when it was due, by `performance.now()`
   */
  async runAtRate(
    perSecond: number,
    commands: Iterable<BenchCommand>,
    onDue: (commandId: string, dueAt: number) => void,
    onProgress: (answered: number) => void,
  ): Promise<void> {
    this.begin(onProgress);
    const began = performance.now();
    for (const command of commands) {
      const due = began + (this.answers.attempted * MS_PER_SECOND) / perSecond;
      while (performance.now() < due) await sleep(PACE_MS);
      this.stopping.throwIfAborted();
      onDue(command.commandId, due);
      await this.publish(command);
    }
    await this.allAnswered();
  }

  /**
   * Publishes all commands without waiting for answers. Resolves when the broker has confirmed them. `allAnswered`
   * awaits the answers.
   */
  async fill(commands: Iterable<BenchCommand>, onProgress: (sent: number) => void): Promise<void> {
    this.begin(() => undefined);
    for (const command of commands) {
      this.stopping.throwIfAborted();
      await this.publish(command);
      if (this.answers.attempted % PROGRESS_EVERY === 0) onProgress(this.answers.attempted);
    }
    await this.channel.waitForConfirms();
  }

  async allAnswered(onProgress?: (answered: number) => void): Promise<void> {
    if (onProgress !== undefined) this.onProgress = onProgress;
    while (this.answers.waiting > 0) await this.nextAnswer();
  }

  private begin(onProgress: (answered: number) => void): void {
    this.answers = new Answers();
    this.onProgress = onProgress;
  }

  /** Waits while the connection's buffer is full. */
  private async publish(command: BenchCommand): Promise<void> {
    const { type, commandId, chatId, actorId, tenantId, data } = command;
    this.answers.sent(command);
    const isTaken = this.channel.publish(
      names.commands(this.namespace),
      chatId,
      Buffer.from(JSON.stringify({ tenantId, actorId, chatId, data })),
      {
        type,
        messageId: commandId,
        correlationId: deliveryOf(command),
        contentType: 'application/json',
        persistent: true,
        replyTo: REPLY_TO,
      },
    );
    if (!isTaken) await new Promise((resolve) => this.channel.once('drain', resolve));
  }

  private async nextAnswer(): Promise<void> {
    this.stopping.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stalled = () => reject(new Error(`no receipt for ${STALL_LIMIT_MS / 1000} s: is the service gone?`));
      const timer = setTimeout(stalled, STALL_LIMIT_MS);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
