/** A real RabbitMQ and a worker process: the protocol, the client library and the adapter. */
import type { ConfirmChannel, Message, Options } from 'amqplib';
import { ConfirmedChannel } from '../../../../src/adapters/transports/amqp/publish/confirmed-channel.js';
import { MAX_MESSAGE_BYTES, names } from '../../../../src/contract/messages/topology.js';
import { BrokerSession } from '../../../support/broker/broker-session.js';
import { eventually } from '../../../support/eventually.js';
import { Fleet } from '../../../support/fleet/fleet.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { type HostileMessage, hostileMessage } from '../hostile-messages.js';
import { type Door, Finding, type OpenDoor } from './door.js';

const WITHIN_MS = 30_000;
const DIRECT_REPLY_TO = 'amq.rabbitmq.reply-to';
/**
 * The broker itself closes the channel for a wrong user id, for a reply address without a consumer, or for invalid
 * routing headers.
 */
const LISTS = ['CC', 'BCC'];

const idOf = ({ properties }: Message): unknown => properties.correlationId;

function isSendable({ content, properties: { userId, replyTo, expiration, headers } }: HostileMessage): boolean {
  if (content.length > MAX_MESSAGE_BYTES) return false;
  if (expiration !== undefined && !/^\d{1,9}$/.test(String(expiration))) return false;
  if (userId !== undefined && userId !== 'guest') return false;
  if (typeof replyTo === 'string' && replyTo.startsWith(DIRECT_REPLY_TO)) return false;
  const table = Object(headers) as { [name: string]: unknown };
  return LISTS.every((name) => !Object.hasOwn(table, name));
}

class BrokerDoor implements OpenDoor<HostileMessage> {
  private readonly outcomes = new Map<string, string>();
  private sent = 0;
  private session: BrokerSession<ConfirmChannel> | null = null;
  private channel: ConfirmedChannel | null = null;
  private readonly replies: string;

  private constructor(
    private readonly fleet: Fleet,
    private readonly worker: TestProcess,
    private readonly chat: { chatId: string; users: string[] },
  ) {
    this.replies = `${names.replies(fleet.namespace)}fuzz`;
  }

  static async open(): Promise<BrokerDoor> {
    const fleet = await Fleet.create({ partitions: 1, env: { LOG_LEVEL: 'info' } });
    try {
      const worker = await fleet.startWorker();
      await worker.ready();
      await fleet.connect();
      const door = new BrokerDoor(fleet, worker, await fleet.createGroup(1));
      // The broker may close the connection for an input. This is a finding, which is shrunk on a new connection.
      door.session = await BrokerSession.open<ConfirmChannel>({
        url: fleet.amqpUrl,
        create: (connection) => connection.createConfirmChannel(),
        setUp: (channel) => door.listen(channel),
        onOpen: (channel) => {
          door.channel = new ConfirmedChannel(channel, idOf);
        },
      });
      return door;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  private async listen(channel: ConfirmChannel): Promise<void> {
    const note = (correlationId: unknown, outcome: string) => this.outcomes.set(String(correlationId), outcome);
    await channel.assertQueue(this.replies, { exclusive: true });
    await channel.consume(this.replies, (message) => {
      if (message === null) return;
      const { status, reason } = JSON.parse(message.content.toString());
      note(message.properties.correlationId, reason === undefined ? status : `rejected ${reason.code}`);
    });
    await channel.consume(names.deadLetters(this.fleet.namespace), (message) => {
      if (message === null) return;
      const why = message.properties.headers?.['x-parley-reason'] ?? 'expired';
      note(message.properties.correlationId, why === 'malformed' ? 'dead letter' : `dead letter ${String(why)}`);
    });
  }

  async take(inputs: readonly HostileMessage[]): Promise<string[]> {
    const channel = await eventually(() => this.session?.channel && this.channel, {
      within: WITHIN_MS,
      what: 'the broker lets in again',
    });
    const asked = new Set<string>();
    const outcomes: string[] = [];
    const sending = inputs.map((input) => {
      this.sent += 1;
      const correlationId = `fuzz ${this.sent}`;
      return this.send(channel, input, correlationId).then((how) => {
        if (how === 'sent') asked.add(correlationId);
        else outcomes.push(how);
      });
    });
    await Promise.all(sending);
    const [actorId = ''] = this.chat.users;
    const good = { type: 'message.send', commandId: `good-${this.sent}`, actorId, chatId: this.chat.chatId };
    const receipt = await this.fleet.producer.request({ ...good, data: { body: 'is this still going?' } }, WITHIN_MS);
    if (receipt.status !== 'accepted') throw new Finding('a good command was not accepted');
    if (!this.worker.running) throw new Finding(`the worker ended: ${this.worker.output.slice(-2_000)}`);
    await eventually(() => [...asked].every((id) => this.outcomes.has(id)), {
      within: WITHIN_MS,
      what: 'every delivery is answered or dead-lettered',
    });
    const errors = this.worker.output.match(/^.*"level":"error".*$/m);
    if (errors !== null) throw new Finding(`the worker logged: ${errors[0]}`);
    for (const id of asked) {
      const outcome = this.outcomes.get(id) ?? '';
      if (/poison|misrouted/.test(outcome)) throw new Finding(outcome);
      outcomes.push(outcome);
    }
    return outcomes;
  }

  async close(): Promise<void> {
    await this.session?.close();
    await this.fleet.close();
  }

  /** With a reply address that identifies the answer. The library refuses to write some. */
  private async send(channel: ConfirmedChannel, input: HostileMessage, correlationId: string): Promise<string> {
    const { content, routingKey, properties } = input;
    if (!isSendable(input)) return 'not sent: the broker would not take it';
    const about = { ...properties, replyTo: this.replies, correlationId, persistent: true } as Options.Publish;
    const exchange = names.commands(this.fleet.namespace);
    let outcome: string;
    try {
      outcome = await new Promise<string>((resolve) =>
        channel.publish({ exchange, routingKey, body: content, properties: about }, correlationId, resolve),
      );
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) return 'not sent: the library cannot write it';
      throw error;
    }
    if (outcome === 'confirmed') return 'sent';
    throw new Finding(`the broker did not take it, but: ${outcome}`);
  }
}

export const brokerDoor: Door<HostileMessage> = {
  name: 'broker',
  input: hostileMessage,
  together: 200,
  perOpening: 100_000,
  watchesStalls: false,
  open: () => BrokerDoor.open(),
};
