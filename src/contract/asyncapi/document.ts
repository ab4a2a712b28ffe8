import { exampleCommands } from '../examples/commands.js';
import { names, type TopologySettings, topology } from '../messages/topology.js';
import {
  commandMessages,
  componentName,
  deadLetterMessage,
  ephemeralMessages,
  eventMessages,
  liveMessage,
  type Messages,
  receiptMessage,
} from './messages.js';

type Json = { [key: string]: unknown };

const BINDING_VERSION = '0.3.0';

const DESCRIPTION = `Producers publish commands, and Parley sends receipts and publishes events. A receipt is sent after the commit. Every committed event is published at least
once; the events of a chat are published in the order of their sequences.

AsyncAPI's bindings for AMQP do not cover everything. The document has these extensions:

- \`x-amqp-topology\`, at the root: every exchange, queue (with its arguments) and binding that a worker declares, in the order of
  declaration. The order of the hash exchange's bindings decides which queue gets which chat. \`{storeId}\` stands for the store id of the database.
- \`x-arguments\`, in a queue channel's binding: the queue's arguments. Workers declare the queues, as durable; consumers need not.
- \`x-bindings\`, in a channel's binding: the exchanges and routing keys that the queue is bound to.
- \`x-properties\`, in a message's binding: a JSON Schema of its AMQP properties. \`x-routing-key\`: its routing key.
- \`x-examples\`, in a message's binding: routing key and properties of each of the message's examples, by name. The examples of commands form a sequence,
  in the order of \`x-story\` at the root. Published in that order, each is accepted, if message ids are replaced by those of the receipts.`;

/** The AsyncAPI 3.0 document of all messages on the broker, generated from the contract's schemas and topology. */
export function asyncApiDocument(settings: TopologySettings): Json {
  const { namespace, partitions, dispatchQueues } = settings;
  const commands = commandMessages(namespace);
  const events = eventMessages();
  const live = { liveEvents: liveMessage() };
  const ephemeral = ephemeralMessages();
  const receipts = { receipt: receiptMessage() };
  const deadLetters = { deadLetter: deadLetterMessage(namespace) };
  const { exchanges, queues, bindings } = topology(settings);
  const commandQueues = Array.from({ length: partitions }, (_, index) => names.commandQueue(namespace, index));

  const exchange = (name: string, durable = true) => ({
    amqp: {
      is: 'routingKey',
      exchange: { name, type: 'topic', durable, autoDelete: false },
      bindingVersion: BINDING_VERSION,
    },
  });
  /** `shown` replaces the name if one channel stands for several queues. */
  const queue = (name: string, shown = name) => ({
    amqp: {
      is: 'queue',
      queue: { name: shown, durable: true, exclusive: false, autoDelete: false },
      'x-arguments': queues.find((declared) => declared.name === name)?.arguments,
      'x-bindings': bindings
        .filter(({ destination }) => destination === name)
        .map(({ source, routingKey }) => ({ source, routingKey })),
      bindingVersion: BINDING_VERSION,
    },
  });
  return {
    asyncapi: '3.0.0',
    info: { title: 'Parley', version: '1.0.0', description: DESCRIPTION, license: { name: 'MIT' } },
    defaultContentType: 'application/json',
    channels: {
      commands: {
        address: names.commands(namespace),
        description: 'The exchange for producers. Routing key: the chat id; for a command about no chat the actor id.',
        messages: references(commands),
        bindings: exchange(names.commands(namespace)),
      },
      commandQueues: {
        address: `${names.commands(namespace)}.p{partition}`,
        description:
          'The queues from which workers consume commands, one for each partition. The hash of its id assigns each chat to a partition. Only workers may publish to these queues or consume from them.',
        parameters: {
          partition: {
            description: 'Number of the partition, from 0 to `COMMAND_PARTITIONS` - 1.',
            enum: Array.from({ length: partitions }, (_, partition) => String(partition)),
          },
        },
        messages: references(commands),
        bindings: queue(names.commandQueue(namespace, 0), `${names.commands(namespace)}.p{partition}`),
      },
      receipts: {
        address: null,
        description: `The address in the command's \`reply_to\`: RabbitMQ's direct reply-to, or a queue named \`${names.replies(namespace)}*\`, which the producer declares.`,
        messages: references(receipts),
        bindings: {
          amqp: {
            is: 'routingKey',
            exchange: { name: '', type: 'default', durable: true, autoDelete: false },
            bindingVersion: BINDING_VERSION,
          },
        },
      },
      events: {
        address: names.events(namespace),
        description: 'Routing key: `<event type>.<tenant>.<chat id, or actor id without a chat>`.',
        messages: references(events),
        bindings: exchange(names.events(namespace)),
      },
      live: {
        address: names.live(namespace),
        description:
          'Copies of events for the processes of Parley that push them to connected users; published only while such a process runs. Copies are best effort: they may be lost, and may come again. Other programs consume a dispatch queue instead.',
        messages: references(live),
        bindings: exchange(names.live(namespace)),
      },
      ephemeral: {
        address: names.ephemeral(namespace),
        description:
          'Presence and typing, between the gateways only: nothing of it is stored, and messages may be lost. Gateways declare the exchange. Routing key: the name of the message.',
        messages: references(ephemeral),
        bindings: exchange(names.ephemeral(namespace), false),
      },
      ...Object.fromEntries(
        dispatchQueues.map(({ name }, index) => [
          `dispatch${index}`,
          {
            address: name,
            description:
              'A queue of events for delivery services to consume. If the queue gets all events of a chat, its single active consumer can detect a missing event by a gap in the sequences.',
            messages: references(events),
            bindings: queue(name),
          },
        ]),
      ),
      deadLetters: {
        address: names.deadLetters(namespace),
        description: 'Commands that could not be answered, with unchanged body and properties.',
        messages: references(deadLetters),
        bindings: queue(names.deadLetters(namespace)),
      },
    },
    operations: {
      receiveCommand: {
        action: 'receive',
        channel: { $ref: '#/channels/commands' },
        summary: 'Receives a command, and sends its receipt after the commit.',
        reply: { channel: { $ref: '#/channels/receipts' } },
        bindings: { amqp: { mandatory: true, deliveryMode: 2, ack: true, bindingVersion: BINDING_VERSION } },
      },
      publishEvent: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        summary: 'Publishes a committed event.',
        bindings: { amqp: { mandatory: true, deliveryMode: 2, timestamp: true, bindingVersion: BINDING_VERSION } },
      },
      copyEvents: {
        action: 'send',
        channel: { $ref: '#/channels/live' },
        summary: 'Publishes copies of events to the readers of the live feed.',
        bindings: { amqp: { mandatory: false, deliveryMode: 1, bindingVersion: BINDING_VERSION } },
      },
      tellGateways: {
        action: 'send',
        channel: { $ref: '#/channels/ephemeral' },
        summary: 'Tells the other gateways who is connected, and who types.',
        bindings: { amqp: { mandatory: false, deliveryMode: 1, bindingVersion: BINDING_VERSION } },
      },
      deadLetterCommand: {
        action: 'send',
        channel: { $ref: '#/channels/deadLetters' },
        summary: 'Publishes a dead letter.',
        bindings: { amqp: { mandatory: true, deliveryMode: 2, bindingVersion: BINDING_VERSION } },
      },
    },
    components: { messages: { ...commands, ...events, ...live, ...ephemeral, ...receipts, ...deadLetters } },
    'x-amqp-topology': {
      exchanges: [
        ...exchanges.map(({ name, type }) => ({ name, type, durable: true, internal: false, autoDelete: false })),
        // Workers create these exchanges themselves and publish nothing to them. They show that the hash exchange is in
        // order.
        { name: names.ring(namespace), type: 'fanout', durable: false, internal: true, autoDelete: true },
        ...commandQueues.map((name) => ({
          ...{ name: names.queueSentinel(name), type: 'fanout' },
          ...{ durable: false, internal: true, autoDelete: true },
        })),
      ]
        .map((exchange): Json => ({ ...exchange, arguments: {} }))
        .concat({
          ...{ name: names.store(namespace), type: 'fanout', durable: true, internal: true, autoDelete: false },
          arguments: { 'alternate-exchange': names.storeMark(namespace, '{storeId}') },
        }),
      queues: queues.map(({ name, arguments: args }) => ({
        name,
        durable: true,
        exclusive: false,
        autoDelete: false,
        arguments: args,
      })),
      bindings: [
        ...bindings,
        ...commandQueues.map((name) => ({
          ...{ source: names.queueSentinel(name), destination: name },
          ...{ destinationType: 'queue', routingKey: '' },
        })),
        {
          ...{ source: names.ring(namespace), destination: names.commandsByChat(namespace) },
          ...{ destinationType: 'exchange', routingKey: '' },
        },
      ],
    },
    'x-story': exampleCommands.map(({ name, type }) => ({
      message: `#/components/messages/${componentName('command', type)}`,
      example: name,
    })),
  };
}

function references(messages: Messages): Json {
  return Object.fromEntries(Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]));
}
