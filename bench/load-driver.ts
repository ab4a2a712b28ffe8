import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import { names } from '../src/contract/topology.js';
import type { BenchCommand } from './workload.js';

/** A service that answers nothing for so long is taken for dead. */
const STALL_LIMIT_MS = 60_000;
/** Answers. */
const PROGRESS_EVERY = 100;

/** A closed loop: a number of commands is kept in flight, each until its receipt comes. */
export class LoadDriver {
  private inFlight = 0;
  private answered = 0;
  private rejected = 0;
  private onAnswer: () => void = () => undefined;
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
    const connection = await amqp.connect(url);
    connection.on('error', (error: Error) => console.error(`connection lost: ${error.message}`));
    const channel = await connection.createConfirmChannel();
    const driver = new LoadDriver(connection, channel, namespace, inFlightMax, stopping);
    await channel.consume('amq.rabbitmq.reply-to', (message) => driver.take(message?.content), { noAck: true });
    return driver;
  }

  private take(receipt: Buffer | undefined): void {
    if (receipt === undefined) return;
    this.inFlight -= 1;
    this.answered += 1;
    if (!receipt.includes('"status":"accepted"')) this.rejected += 1;
    if (this.answered % PROGRESS_EVERY === 0) this.onProgress(this.answered);
    this.onAnswer();
  }

  /**
   * Publishes all of them, as fast as they are answered, and waits for the last answer.
   * @param onSend called right before each is published
   * @param onProgress told how many are answered, now and then
   * @returns how many were rejected
   */
  async run(
    commands: Iterable<BenchCommand>,
    onSend: (commandId: string) => void,
    onProgress: (answered: number) => void,
  ): Promise<number> {
    this.answered = 0;
    this.rejected = 0;
    this.onProgress = onProgress;
    for (const command of commands) {
      while (this.inFlight >= this.inFlightMax) await this.nextAnswer();
      onSend(command.commandId);
      if (!this.publish(command)) await new Promise((resolve) => this.channel.once('drain', resolve));
    }
    while (this.inFlight > 0) await this.nextAnswer();
    return this.rejected;
  }

  /** @returns false when the connection's buffer is full */
  private publish({ type, commandId, chatId, actorId, tenantId, data }: BenchCommand): boolean {
    this.inFlight += 1;
    return this.channel.publish(
      names.commands(this.namespace),
      chatId,
      Buffer.from(JSON.stringify({ tenantId, actorId, chatId, data })),
      {
        type,
        messageId: commandId,
        contentType: 'application/json',
        persistent: true,
        replyTo: 'amq.rabbitmq.reply-to',
      },
    );
  }

  private async nextAnswer(): Promise<void> {
    this.stopping.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stalled = () => reject(new Error(`no receipt for ${STALL_LIMIT_MS / 1000} s: is the service gone?`));
      const timer = setTimeout(stalled, STALL_LIMIT_MS);
      this.onAnswer = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
