/**
 * The AsyncAPI document beside a broker, a database and a worker: what it says is what is there, and what it shows
 * works.
 */
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { expect } from 'chai';
import type { CloudEvent } from '../../../src/contract/messages/events.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { makesKind } from '../../support/fleet/made-kind.js';
import { manage, rabbitmq } from '../../support/services/services.js';
import { cli } from '../main/cli/run-cli.js';
import {
  type AsyncApi,
  type DocumentedMessage,
  examplesOf,
  messageAt,
  propertiesOf,
  Story,
  type WireExample,
} from './asyncapi-story.js';

type Json = { [key: string]: unknown };

const PARTITIONS = 3;
const DEAD_LETTER_TIMEOUT_MS = 10_000;
const ajv = new Ajv({ strict: false, allErrors: true });
// The package is CommonJS; its types put the function one level deeper than it is.
(formats as unknown as (ajv: Ajv) => void)(ajv);

function fits(schema: unknown, value: unknown, what: string): void {
  const isValid = ajv.validate(schema as Json, value);
  expect(isValid, `${what}: ${ajv.errorsText()}\n${JSON.stringify(value)}`).to.equal(true);
}

/** A copy in which objects hold no more than the properties they name: a field that is not documented is a fault. */
function closed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(closed);
  if (typeof node !== 'object' || node === null) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  return 'properties' in copy && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy;
}

const TIMES = ['time', 'createdAt', 'editedAt', 'deletedAt', 'updatedAt', 'at'];

/**
 * A copy without what differs from one run to the next: when it was, which store and decision it was, and the log's
 * positions.
 */
function lasting(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lasting);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, given]) => {
      if (TIMES.includes(key)) return [key, 'at some time'];
      if (key === 'source') return [key, String(given).replace(/[0-9a-f-]{36}/, 'some store')];
      if (key === 'decisionId' && given !== null) return [key, 'some decision'];
      if (key === 'id') return [key, String(given).replace(/^p\d+\/\d+$/, 'some position')];
      if (key === 'recipients') return [key, [...(given as string[])].sort()];
      return [key, lasting(given)];
    }),
  );
}

/** An object of RabbitMQ's management API. */
type Managed = Record<string, unknown>;

function asExchange({ name, type, durable, internal, auto_delete: autoDelete, arguments: args }: Managed) {
  return { name, type, durable, internal, autoDelete, arguments: args };
}

function asQueue({ name, durable, exclusive, auto_delete: autoDelete, arguments: args }: Managed) {
  return { name, durable, exclusive, autoDelete, arguments: args };
}

function asBinding({ source, destination, destination_type: destinationType, routing_key: routingKey }: Managed) {
  return { source, destination, destinationType, routingKey };
}

describe('The AsyncAPI document, compared with a broker and a worker', function () {
  this.timeout(120_000);
  let fleet: Fleet;
  let document: AsyncApi;
  let story: Story;
  let told: WireExample[];

  const message = (name: string): DocumentedMessage => messageAt(document, `#/components/messages/${name}`);
  const exampleOf = (name: string, example: string): WireExample => {
    const found = examplesOf(message(name)).find((candidate) => candidate.name === example);
    if (found === undefined) throw new Error(`${name} has no example ${example}`);
    return found;
  };

  before(async () => {
    fleet = await Fleet.create({ partitions: PARTITIONS });
    const { namespace } = fleet;
    const DISPATCH_QUEUES = `${namespace}.dispatch=#;${namespace}.push=message.#,chat.created.#`;
    const worker = await fleet.startWorker({ DISPATCH_QUEUES });
    await worker.ready();
    await fleet.query(makesKind('console', 'service'));
    const printed = await cli(['contract', '--asyncapi'], { ...fleet.env, DISPATCH_QUEUES });
    document = JSON.parse(printed.stdout.join('\n')) as AsyncApi;
    story = await Story.open(fleet.amqpUrl, document, `${namespace}.dispatch`);
    told = document['x-story'].map(({ message: reference, example }) => {
      const examples = examplesOf(messageAt(document, reference));
      return examples.find(({ name }) => name === example) as WireExample;
    });
  });

  after(async () => {
    await story?.close();
    await fleet?.close();
  });

  it('lists exactly the exchanges, queues, arguments and bindings of the broker', async function () {
    const { node } = await rabbitmq();
    if (node === undefined) return this.skip(); // a broker named by TEST_AMQP_URL: nobody says where it is managed
    const list = async (kind: string) => (await manage(node, 'GET', `${kind}/%2F`)) as Managed[];
    const own = (name: unknown) => String(name).startsWith(`${fleet.namespace}.`);
    const said = document['x-amqp-topology'];
    const exchanges = (await list('exchanges')).filter(({ name }) => own(name));
    const [store] = await fleet.query<{ id: string }>('SELECT store_id::text AS id FROM store');
    const withStoreId = JSON.parse(
      JSON.stringify(said.exchanges).replaceAll('{storeId}', store?.id ?? ''),
    ) as Managed[];
    expect(exchanges.map(asExchange)).to.have.deep.members(withStoreId);
    const queues = (await list('queues')).filter(({ name }) => own(name));
    expect(queues.map(asQueue)).to.have.deep.members(said.queues);
    // The default exchange's bindings, without a source, come with the queues.
    const bindings = (await list('bindings')).filter(({ source }) => own(source));
    expect(bindings.map(asBinding)).to.have.deep.members(said.bindings);
    expect([said.exchanges.length, said.queues.length]).to.deep.equal([PARTITIONS + 6, PARTITIONS + 3]);
  });

  it('describes each channel like its objects', () => {
    const { exchanges, queues, bindings } = document['x-amqp-topology'];
    const shownExchanges: string[] = [];
    const shownQueues: string[] = [];
    for (const [id, { address, parameters, bindings: protocols }] of Object.entries(document.channels)) {
      const { exchange, queue, ...rest } = protocols.amqp;
      // The gateways declare it, and the tests of them compare it.
      if (id === 'ephemeral') continue;
      if (exchange !== undefined && exchange.name !== '') {
        const declared = exchanges.find(({ name }) => name === address);
        expect(declared, id).to.deep.include(exchange);
        shownExchanges.push(address);
      }
      if (queue === undefined) continue;
      const partitions = parameters?.partition?.enum ?? [''];
      for (const partition of partitions) {
        const name = address.replace('{partition}', partition);
        const { arguments: args, ...declared } = queues.find((candidate) => candidate.name === name) ?? {};
        expect({ ...queue, name }, name).to.deep.equal(declared);
        expect(rest['x-arguments'], name).to.deep.equal(args);
        // From these nothing comes: they are the workers' own.
        const isInternal = (source: string) => exchanges.some(({ name, internal }) => name === source && internal);
        const into = bindings.filter(({ source, destination }) => destination === name && !isInternal(source));
        expect(rest['x-bindings'], name).to.deep.equal(into.map(({ source, routingKey }) => ({ source, routingKey })));
        shownQueues.push(name);
      }
    }
    expect(shownQueues).to.have.members(queues.map(({ name }) => name));
    const forProducersAndConsumers = exchanges.filter(({ type }) => type === 'topic').map(({ name }) => name);
    expect(shownExchanges).to.have.members(forProducersAndConsumers);
  });

  it('has example commands that a worker accepts in order', async () => {
    const commands = Object.keys(document.components.messages).filter((name) => name.startsWith('command_'));
    const shown = document['x-story'].map(({ message: reference }) => reference.replace(/.*\//, ''));
    expect([...new Set(shown)]).to.have.members(commands);

    for (const example of told) {
      const receipt = await story.ask(example);
      expect(receipt.status, JSON.stringify(receipt)).to.equal('accepted');
      const event = await story.eventCame(receipt.commandId);
      if (event.type === 'message.created') story.rename(documentedMessageId(receipt), receipt.messageId);
      if (example.name === 'ask') await asides();
      if (example.name === 'archive') await story.ask(again(example, 'archive-0002'));
    }
    await story.ask(told.find(({ name }) => name === 'ask') as WireExample);
  });

  /** What the other examples of answers are about: two commands that are refused, and one that nobody can answer. */
  async function asides(): Promise<void> {
    const [ask] = examplesOf(message('command_message_send'));
    if (ask === undefined) throw new Error('no example');
    const byDave = {
      ...again(ask, 'send-0003'),
      payload: { ...ask.payload, actorId: 'dave', data: { body: 'Me too.' } },
    };
    expect((await story.ask(byDave)).status).to.equal('rejected');
    await story.eventCame('send-0003');
    const empty = { ...again(ask, 'send-0004'), payload: { ...ask.payload, data: { body: '' } } };
    expect((await story.ask(empty)).status).to.equal('rejected');
    const { payload, properties } = exampleOf('deadLetter', 'malformed');
    story.publish({ routingKey: ask.routingKey, headers: {}, properties, payload });
    await eventually(() => story.deadLetters.length === 1, { within: DEAD_LETTER_TIMEOUT_MS, what: 'the dead letter' });
  }

  function again(example: WireExample, commandId: string): WireExample {
    return { ...example, properties: { ...example.properties, message_id: commandId, correlation_id: commandId } };
  }

  /** The id that the document's examples give to the message that this receipt is about. */
  function documentedMessageId({ commandId }: Receipt): string {
    return commandId === 'send-0001'
      ? String(exampleOf('receipt', 'accepted').payload.messageId)
      : String((exampleOf('event_message_deleted', 'deleted').payload.data as Json).messageId);
  }

  it('describes all fields, properties and headers of the resulting events', () => {
    expect(story.events).to.have.length(told.length + 2); // each command's, and two refusals
    for (const { delivery, event } of story.events) {
      const documented = message(`event_${event.type.replace('.', '_')}`);
      fits(closed(documented.payload), event, event.type);
      fits(closed(documented.bindings.amqp['x-properties']), propertiesOf(delivery), event.type);
      fits(closed(documented.headers), delivery.properties.headers, event.type);
    }
    const types = new Set(story.events.map(({ event }) => `event_${event.type.replace('.', '_')}`));
    const events = Object.keys(document.components.messages).filter((name) => name.startsWith('event_'));
    expect([...types]).to.have.members(events);
  });

  it('has example events like those of the worker', () => {
    const shown = Object.keys(document.components.messages)
      .filter((name) => name.startsWith('event_'))
      .flatMap((name) => examplesOf(message(name)));
    for (const { message: documented, routingKey, properties, headers, payload } of shown) {
      const example = payload as unknown as CloudEvent;
      const came = story.events.find(({ event }) => event.data.commandId === example.data.commandId);
      if (came === undefined) throw new Error(`no event came of ${example.data.commandId}`);
      const real = story.inDocumentsWords(came.event);
      expect(lasting(real), documented.name).to.deep.equal(lasting(example));
      expect(came.delivery.fields.routingKey).to.equal(routingKey);
      expect(Object.keys(propertiesOf(came.delivery))).to.have.members(Object.keys(properties));
      expect(came.delivery.properties.headers).to.include(headers);
    }
  });

  it('describes receipts like those of the worker', () => {
    const documented = message('receipt');
    for (const { delivery, receipt } of story.receipts) {
      fits(closed(documented.payload), receipt, receipt.commandId);
      fits(closed(documented.bindings.amqp['x-properties']), propertiesOf(delivery), receipt.commandId);
    }
    for (const { payload, properties, name } of examplesOf(documented)) {
      const came = story.receipts.find(
        ({ receipt }) => receipt.commandId === payload.commandId && receipt.replayed === payload.replayed,
      );
      if (came === undefined) throw new Error(`no receipt like ${name}`);
      expect(lasting(story.inDocumentsWords(came.receipt)), name).to.deep.equal(lasting(payload));
      expect(propertiesOf(came.delivery), name).to.deep.equal(properties);
    }
  });

  it('describes dead letters like those of the worker', () => {
    const [letter] = story.deadLetters;
    if (letter === undefined) throw new Error('there is none');
    const { payload, properties, headers } = exampleOf('deadLetter', 'malformed');
    expect(JSON.parse(letter.content.toString())).to.deep.equal(payload);
    expect(propertiesOf(letter)).to.deep.equal(properties);
    fits(closed(message('deadLetter').headers), letter.properties.headers, 'its headers');
    const varying = { 'x-parley-at': 0, 'x-parley-worker': 0, 'x-parley-publish': 0 };
    expect({ ...letter.properties.headers, ...varying }).to.deep.equal({ ...headers, ...varying });
  });
});
