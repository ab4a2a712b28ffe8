/**
 * The REST side as it runs: processes of ours on the run's PostgreSQL and RabbitMQ, a client, and what dispatch would
 * hear.
 */
import amqp, { type ChannelModel, type ConsumeMessage } from 'amqplib';
import { Fleet } from '../../../support/fleet/fleet.js';
import { startProcess, type TestProcess } from '../../../support/fleet/processes.js';
import { RestClient, SECRET } from '../../../unit/adapters/http/rest-client.js';

export class RestStack extends RestClient {
  /** Every event published since `listen`, as it came over the wire. */
  readonly events: ConsumeMessage[] = [];
  readonly processes: TestProcess[] = [];
  #api: TestProcess | null = null;
  #listening: ChannelModel | null = null;

  private constructor(
    readonly fleet: Fleet,
    private readonly env: Record<string, string>,
  ) {
    super();
  }

  /** On the run's own RabbitMQ, unless another broker or virtual host is named. */
  static async create(env: Record<string, string> = {}, amqpUrl?: string): Promise<RestStack> {
    const fleet = await Fleet.create({ partitions: 2, ...(amqpUrl === undefined ? {} : { amqpUrl }) });
    return new RestStack(fleet, { ...fleet.env, JWT_SECRET: SECRET, ...env });
  }

  /** Starts a process with these roles, and waits until it is ready. The client calls the one with `api`. */
  run(...roles: string[]): Promise<TestProcess> {
    return this.runWith({}, ...roles);
  }

  /** The same, with settings of this process's own. */
  async runWith(env: Record<string, string>, ...roles: string[]): Promise<TestProcess> {
    const running = await startProcess({ args: roles, env: { ...this.env, ...env } });
    this.processes.push(running);
    if (roles.includes('api')) this.#api = running;
    await running.ready();
    return running;
  }

  /** The settings of its processes. */
  get processEnv(): Readonly<Record<string, string>> {
    return this.env;
  }

  get url(): string {
    if (this.#api === null) throw new Error('run the api first');
    return `http://127.0.0.1:${this.#api.env.PORT}`;
  }

  /** Records every event from now on. */
  async listen(): Promise<void> {
    const { amqpUrl, namespace } = this.fleet;
    this.#listening = await amqp.connect(amqpUrl);
    const channel = await this.#listening.createChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, `${namespace}.events`, '#');
    await channel.consume(queue, (message) => message !== null && this.events.push(message), { noAck: true });
  }

  /** Publishes a command of alice's without data, as a producer does. */
  async publish(chatId: string, options: { type: string; replyTo: string }): Promise<void> {
    const { amqpUrl, namespace } = this.fleet;
    const connection = await amqp.connect(amqpUrl);
    const channel = await connection.createConfirmChannel();
    const body = Buffer.from(JSON.stringify({ actorId: 'alice', chatId, data: {} }));
    const properties = { ...options, messageId: `published-${chatId}`, contentType: 'application/json' };
    channel.publish(`${namespace}.commands`, chatId, body, properties);
    await channel.waitForConfirms();
    await connection.close();
  }

  /** The value of a counter at the ops port, summed over all series with these labels; 0 if there are none. */
  async counted(name: string, labels: Record<string, string> = {}): Promise<number> {
    const text = await (await fetch(`${this.#api?.opsUrl}/metrics`)).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(1)), 0);
  }

  async close(): Promise<void> {
    await this.#listening?.close();
    await Promise.all(this.processes.filter(({ running }) => running).map((running) => running.stop()));
    await this.fleet.close();
  }
}
