/** The dead letters of a fleet with one worker, and the command that looks at them. */
import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.js';
import { Fleet } from '../../../support/fleet/fleet.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { storedReceipt } from '../../../support/fleet/stored-receipt.js';
import type { CliEnd } from '../cli/run-cli.js';
import { warmCli } from '../cli/warm-cli.js';

export const SAID = 'what nobody else is to read';
const HOUR_MS = 3_600_000;
const within = 20_000;

export interface Listed {
  ready: number;
  seen: number;
  matching: number;
  byReason: Record<string, number>;
  letters: { place: number; messageId: string | null; reason: string | null; chatId: string | null }[];
}

/** A letter as a worker, or RabbitMQ, leaves it. */
interface Planted {
  id?: string;
  type?: string;
  chat?: string;
  text?: string;
  reason?: string;
  hoursAgo?: number;
  headers?: Record<string, unknown>;
  actor?: string;
  routingKey?: string | null;
  properties?: Record<string, unknown>;
}

export class DeadLetterBench {
  readonly queue: string;
  readonly env: { AMQP_URL: string; CHAT_NAMESPACE: string };

  private constructor(
    readonly fleet: Fleet,
    private worker: TestProcess,
    readonly connection: ChannelModel,
    readonly channel: ConfirmChannel,
    readonly chat: { chatId: string; users: string[] },
  ) {
    this.queue = `${fleet.namespace}.dead-letters`;
    this.env = { AMQP_URL: fleet.amqpUrl, CHAT_NAMESPACE: fleet.namespace };
  }

  static async open(): Promise<DeadLetterBench> {
    const fleet = await Fleet.create({ partitions: 2, env: { MAX_COMMAND_ATTEMPTS: '2' } });
    try {
      const worker = await fleet.startWorker();
      await worker.ready();
      await fleet.connect();
      const connection = await amqp.connect(fleet.amqpUrl);
      return new DeadLetterBench(
        fleet,
        worker,
        connection,
        await connection.createConfirmChannel(),
        await fleet.createGroup(1),
      );
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
    await this.fleet.close();
  }

  run(...args: string[]): Promise<CliEnd> {
    return warmCli(['dead-letters', ...args], this.env);
  }

  async succeeds(...args: string[]): Promise<string[]> {
    const end = await this.run(...args);
    expect(end.code, [...end.stdout, ...end.stderr].join('\n')).to.equal(0);
    return end.stdout;
  }

  async list(...args: string[]): Promise<Listed> {
    return JSON.parse((await this.succeeds('list', '--json', ...args)).join('\n')) as Listed;
  }

  async listedIds(): Promise<(string | null)[]> {
    return idsOf(await this.list());
  }

  untilThere(count: number): Promise<boolean> {
    return eventually(async () => (await this.channel.checkQueue(this.queue)).messageCount === count, {
      within,
      what: `${count} dead letters`,
    });
  }

  async plant(...letters: Planted[]): Promise<void> {
    for (const letter of letters) await this.put(letter);
    await this.untilThere(letters.length);
  }

  /** A command that RabbitMQ itself puts away: it expires while there is no worker. */
  async letItExpire(id: string): Promise<void> {
    const { fleet, chat } = this;
    await this.worker.stop();
    await fleet.producer.publishRaw(
      Buffer.from(JSON.stringify({ actorId: chat.users[0], chatId: chat.chatId, data: { body: 'too late' } })),
      { messageId: id, type: 'message.send', routingKey: chat.chatId, expiration: '1', correlationId: `who ${id}` },
    );
    await this.untilThere(1);
    this.worker = await fleet.startWorker();
    await this.worker.ready();
  }

  /** What the chat holds, in its order. */
  async bodies(): Promise<string[]> {
    const rows = await this.fleet.query<{ body: string }>(
      'SELECT body FROM messages WHERE chat_id = $1 ORDER BY sequence',
      [this.chat.chatId],
    );
    return rows.map(({ body }) => body);
  }

  receiptOf(id: string): Promise<{ status: string }> {
    return eventually(() => storedReceipt(this.fleet, this.chat.users[0] ?? '', id), {
      within,
      what: `a receipt for ${id}`,
    });
  }

  private put(letter: Planted): Promise<void> {
    const { id, type = 'message.send', reason = 'poison', hoursAgo = 0, actor = this.chat.users[0] } = letter;
    const chatId = letter.chat ?? this.chat.chatId;
    const routingKey = letter.routingKey === undefined ? chatId : letter.routingKey;
    const marks = {
      'x-parley-reason': reason,
      'x-parley-detail': `planted as ${reason}`,
      'x-parley-at': new Date(Date.now() - hoursAgo * HOUR_MS).toISOString(),
      'x-parley-worker': 'worker-1',
      'x-parley-publish': '7',
      ...(routingKey === null ? {} : { 'x-parley-routing-key': routingKey }),
    };
    const body = JSON.stringify({ actorId: actor, chatId, data: { body: letter.text ?? SAID } });
    return new Promise((resolve, reject) =>
      this.channel.sendToQueue(
        this.queue,
        Buffer.from(routingKey === null ? `no JSON: ${body}` : body),
        {
          ...(id === undefined ? {} : { messageId: id }),
          ...{ type, contentType: 'application/json', persistent: true, correlationId: `who ${id}`, appId: 'gateway' },
          ...letter.properties,
          headers: { note: 'mine', ...letter.headers, ...(reason === 'x-death' ? {} : marks) },
        },
        (error: unknown) => (error ? reject(error as Error) : resolve()),
      ),
    );
  }
}

export function idsOf({ letters }: Listed): (string | null)[] {
  return letters.map(({ messageId }) => messageId);
}
