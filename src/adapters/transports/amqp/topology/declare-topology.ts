import type { Channel, ChannelModel } from 'amqplib';
import type { BindingDeclaration, ExchangeDeclaration, Topology } from '../../../../contract/messages/topology.js';
import { closeChannel } from '../publish/lazy-channel.js';

/**
 * An object on the broker cannot be as required, and a retry cannot help. Names the object, and the argument if one
 * differs.
 */
export class TopologyFault extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TopologyFault';
  }
}

type BrokerError = Error & { code?: number };

/** An object's name for error messages, and its declaration. */
export type Declaration = readonly [object: string, declare: (channel: Channel) => Promise<unknown>];

/**
 * Makes declarations one after another on a channel of their own. Rejects with `TopologyFault`, which names the object,
 * if an object exists with other arguments, the broker does not know the exchange type, or the user lacks the
 * permission.
 */
export async function declareInTurn(model: ChannelModel, declarations: readonly Declaration[]): Promise<void> {
  let current = '';
  try {
    await onChannel(model, async (channel) => {
      for (const [object, declare] of declarations) {
        current = object;
        await declare(channel);
      }
    });
  } catch (error) {
    throw faultOf(current, error as BrokerError) ?? error;
  }
}

/**
 * Declares missing objects in order. Two are left out: the hash ring, which needs a lock (hash-ring.ts), and the
 * binding to the producers' exchange, which follows when the ring is in order (`bindCommandsExchange`). Never deletes
 * or redefines. Rejects like `declareInTurn`.
 */
export async function declareObjects(model: ChannelModel, topology: Topology): Promise<void> {
  const hash = hashExchangeOf(topology);
  await declareInTurn(model, [
    ...topology.exchanges.filter((exchange) => exchange !== hash).map(exchangeDeclaration),
    ...topology.queues.map(
      ({ name, arguments: args }): Declaration => [
        `queue ${name}`,
        (channel) => channel.assertQueue(name, { durable: true, arguments: args }),
      ],
    ),
    ...topology.bindings
      .filter(({ source, destination }) => ![source, destination].includes(hash.name))
      .map(bindingDeclaration),
  ]);
}

/** Binds the hash exchange to the producers' exchange. From then on commands arrive. Rejects like `declareInTurn`. */
export async function bindCommandsExchange(model: ChannelModel, topology: Topology): Promise<void> {
  const { name } = hashExchangeOf(topology);
  await declareInTurn(
    model,
    topology.bindings.filter(({ destination }) => destination === name).map(bindingDeclaration),
  );
}

export function exchangeDeclaration({ name, type }: ExchangeDeclaration): Declaration {
  return [`exchange ${name}`, (channel) => channel.assertExchange(name, type, { durable: true })];
}

export function bindingDeclaration(binding: BindingDeclaration): Declaration {
  return [`binding of ${binding.destination} to ${binding.source}`, (channel) => bind(channel, binding)];
}

export function hashExchangeOf({ exchanges }: Topology): ExchangeDeclaration {
  const hash = exchanges.find(({ type }) => type === 'x-consistent-hash');
  if (hash === undefined) throw new Error('the topology has no hash exchange');
  return hash;
}

/** The bindings that number the hash ring's buckets, in index order. */
export function hashBindings(topology: Topology): BindingDeclaration[] {
  const { name } = hashExchangeOf(topology);
  return topology.bindings.filter(({ source }) => source === name);
}

async function bind(
  channel: Channel,
  { source, destination, destinationType, routingKey }: BindingDeclaration,
): Promise<void> {
  if (destinationType === 'queue') await channel.bindQueue(destination, source, routingKey);
  else await channel.bindExchange(destination, source, routingKey);
}

/** Checks passively. The broker answers "no such object" by closing the channel, so the check has its own channel. */
export async function exists(model: ChannelModel, ask: (channel: Channel) => Promise<unknown>): Promise<boolean> {
  try {
    await onChannel(model, ask);
    return true;
  } catch (error) {
    if ((error as BrokerError).code === 404) return false;
    throw error;
  }
}

/**
 * Runs an action on a channel of its own. If an error ends the whole connection, the caller would only see "channel
 * ended". So the broker's own error is reported instead.
 */
export async function onChannel<T>(model: ChannelModel, action: (channel: Channel) => Promise<T>): Promise<T> {
  let connectionError: Error | undefined;
  const onError = (error: Error) => {
    connectionError = error;
  };
  model.on('error', onError);
  try {
    const channel = await model.createChannel();
    channel.on('error', () => undefined); // The request that caused it rejects.
    try {
      return await action(channel);
    } finally {
      await closeChannel(channel);
    }
  } catch (error) {
    throw connectionError ?? error;
  } finally {
    model.off('error', onError);
  }
}

/** Undefined if a retry may help. */
export function faultOf(what: string, error: BrokerError): TopologyFault | undefined {
  const fault = (why: string) => new TopologyFault(`${what}: ${why}`, { cause: error });
  // Reply code 503 up to RabbitMQ 3.x, where it ends the connection, and 406 from 4.x on.
  const unknownType = /unknown exchange type '([^']*)'/.exec(error.message)?.[1];
  if (unknownType !== undefined)
    return fault(
      `the broker knows no exchange type ${unknownType}; enable its plugin rabbitmq_consistent_hash_exchange`,
    );
  if (error.code === 403) return fault('this user may not declare it');
  if (error.code !== 406) return undefined;
  const difference = /inequivalent arg '([^']+)' for .* in vhost .*: received (.*?) but current is (.*?)"?$/.exec(
    error.message,
  );
  if (difference === null) return fault(error.message);
  const [, argument = '', wanted, current] = difference;
  const found = plain(current);
  return fault(
    `${argument} should be ${plain(wanted)}, but the broker has ${found}; ${remedyFor(what, argument, found)}`,
  );
}

/** RabbitMQ never changes an existing object. Either the settings must match it, or it must be deleted. */
function remedyFor(what: string, argument: string, found: string): string {
  if (COMMAND_QUEUE.test(what) || !DISPATCH_ARGUMENTS.includes(argument))
    return 'delete it once it is empty, or choose another CHAT_NAMESPACE, and start again';
  const queue = what.replace(/^queue /, '');
  const deleting = `delete the queue once its consumers have emptied it (rabbitmqctl delete_queue ${queue}), and start again`;
  const setting = settingOf(argument, found);
  return setting === null ? deleting : `${setting} leaves it as it is; to change it, ${deleting}`;
}

const COMMAND_QUEUE = /\.commands\.p\d+$/;
const DISPATCH_ARGUMENTS = ['x-max-length-bytes', 'x-overflow'];

/** The setting with which a dispatch queue was declared. */
function settingOf(argument: string, found: string): string | null {
  if (argument === 'x-overflow') return `DISPATCH_WHEN_FULL=${found === 'drop-head' ? 'drop-oldest' : 'refuse'}`;
  return /^\d+$/.test(found) ? `DISPATCH_MAX_BYTES=${found}B` : null;
}

/** `the value '5' of type 'byte'` becomes `5`. */
function plain(value = ''): string {
  return /^(?:the value )?'([^']*)'(?: of type '[^']*')?$/.exec(value)?.[1] ?? value;
}
