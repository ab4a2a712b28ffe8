import { exampleCommands } from '../examples/commands.js';
import { names, type TopologySettings, topology } from '../messages/topology.js';
import {
  commandMessages,
  componentName,
  deadLetterMessage,
  eventMessages,
  type Messages,
  receiptMessage,
} from './messages.js';

type Json = { [key: string]: unknown };

const BINDING_VERSION = '0.3.0';

const DESCRIPTION = `Commands in, receipts back, events out. A receipt is sent after the commit. Every committed event is published at least
once, a chat's in the order of its sequence.

AsyncAPI's bindings for AMQP have no words for some of what counts here. These extensions stand beside them:

- \`x-amqp-topology\`, at the root: every exchange, queue (with its arguments) and binding that a worker declares, in the order in which they are
  made. The order of the hash exchange's bindings decides which queue serves which chat. \`{storeId}\` stands for the store id of the database.
- \`x-arguments\`, in a queue channel's binding: the queue's arguments. Queues are declared durable, by workers; nobody else has to.
- \`x-bindings\`, in a channel's binding: from which exchange, by which routing key, messages come to that queue.
- \`x-properties\`, in a message's binding: a JSON Schema of its AMQP properties, by their AMQP names. \`x-routing-key\`: with what it is published.
- \`x-examples\`, in a message's binding: routing key and properties of each of the message's examples, by its name. The examples of commands tell a story,
  in the order of \`x-story\` at the root: published in that order each is accepted, with the ids of messages taken from the receipts.`;

/** The AsyncAPI 3.0 document of all messages on the broker, generated from the contract's schemas and topology. */
export function asyncApiDocument(settings: TopologySettings): Json {
  const { namespace, partitions, dispatchQueues } = settings;
  const commands = commandMessages(namespace);
  const events = eventMessages();
  const receipts = { receipt: receiptMessage() };
  const deadLetters = { deadLetter: deadLetterMessage(namespace) };
  const { exchanges, queues, bindings } = topology(settings);
  const witnessed = Array.from({ length: partitions }, (_, index) => names.commandQueue(namespace, index));

  const exchange = (name: string) => ({
    amqp: {
      is: 'routingKey',
      exchange: { name, type: 'topic', durable: true, autoDelete: false },
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
        description: 'The one door for producers. Routing key: the chat id; for `user.upsert` the actor id.',
        messages: references(commands),
        bindings: exchange(names.commands(namespace)),
      },
      commandQueues: {
        address: `${names.commands(namespace)}.p{partition}`,
        description:
          'The queues that workers take commands from, one for each partition. Each chat belongs to one of them, by the hash of its id. Nobody else publishes to them or consumes from them.',
        parameters: {
          partition: {
            description: '`COMMAND_PARTITIONS` of them.',
            enum: Array.from({ length: partitions }, (_, partition) => String(partition)),
          },
        },
        messages: references(commands),
        bindings: queue(names.commandQueue(namespace, 0), `${names.commands(namespace)}.p{partition}`),
      },
      receipts: {
        address: null,
        description: `Where a command's \`reply_to\` says: RabbitMQ's direct reply-to, or a queue named \`${names.replies(namespace)}*\`, which its producer declares.`,
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
        description: 'Routing key: `<event type>.<tenant>.<chat id, or actor id where there is no chat>`.',
        messages: references(events),
        bindings: exchange(names.events(namespace)),
      },
      ...Object.fromEntries(
        dispatchQueues.map(({ name }, index) => [
          `dispatch${index}`,
          {
            address: name,
            description:
              'A queue of events for dispatch workers. Its only active consumer, if the queue gets all of a chat, can prove by the sequences that it missed nothing.',
            messages: references(events),
            bindings: queue(name),
          },
        ]),
      ),
      deadLetters: {
        address: names.deadLetters(namespace),
        description: 'Commands that could not be answered, body and properties untouched.',
        messages: references(deadLetters),
        bindings: queue(names.deadLetters(namespace)),
      },
    },
    operations: {
      takeCommand: {
        action: 'receive',
        channel: { $ref: '#/channels/commands' },
        summary: 'Takes a command, and answers with its receipt once its effects are committed.',
        reply: { channel: { $ref: '#/channels/receipts' } },
        bindings: { amqp: { mandatory: true, deliveryMode: 2, ack: true, bindingVersion: BINDING_VERSION } },
      },
      publishEvent: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        summary: 'Tells what happened.',
        bindings: { amqp: { mandatory: true, deliveryMode: 2, timestamp: true, bindingVersion: BINDING_VERSION } },
      },
      buryCommand: {
        action: 'send',
        channel: { $ref: '#/channels/deadLetters' },
        summary: 'Puts a command away.',
        bindings: { amqp: { mandatory: true, deliveryMode: 2, bindingVersion: BINDING_VERSION } },
      },
    },
    components: { messages: { ...commands, ...events, ...receipts, ...deadLetters } },
    'x-amqp-topology': {
      exchanges: [
        ...exchanges.map(({ name, type }) => ({ name, type, durable: true, internal: false, autoDelete: false })),
        // Workers create these exchanges themselves and publish nothing to them. They show that the hash exchange is in
        // order.
        { name: names.ring(namespace), type: 'fanout', durable: false, internal: true, autoDelete: true },
        ...witnessed.map((name) => ({
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
        ...witnessed.map((name) => ({
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
