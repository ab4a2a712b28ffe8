import type { Channel, ChannelModel } from 'amqplib';
import type { BindingDeclaration, Topology } from '../../contract/topology.js';
import { closeChannel } from './kept-channel.js';

/** The broker's objects cannot be what they must be: nothing that trying again would mend. Names the object, and the argument where one differs. */
export class TopologyFault extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TopologyFault';
  }
}

/** What was there before: the order of the hash ring depends on it. */
export interface TopologyFound {
  hashExchange: boolean;
  /** All of the queues that the hash exchange feeds. */
  hashedQueues: boolean;
}

type BrokerError = Error & { code?: number };

/**
 * Declares what is missing, in order; never deletes or redefines. Rejects with `TopologyFault` where something exists in another form, the
 * exchange type is unknown to the broker, or the user may not.
 */
export async function declareTopology(model: ChannelModel, topology: Topology): Promise<TopologyFound> {
  const hash = topology.exchanges.find(({ type }) => type === 'x-consistent-hash');
  const found = {
    hashExchange: hash !== undefined && (await exists(model, (channel) => channel.checkExchange(hash.name))),
    hashedQueues: await exists(model, async (channel) => {
      for (const { destination } of hashBindings(topology)) await channel.checkQueue(destination);
    }),
  };
  let what = '';
  const declaring = async (object: string, declare: () => Promise<unknown>) => {
    what = object;
    await declare();
  };
  try {
    await onChannel(model, async (channel) => {
      for (const { name, type } of topology.exchanges)
        await declaring(`exchange ${name}`, () => channel.assertExchange(name, type, { durable: true }));
      for (const { name, arguments: args } of topology.queues)
        await declaring(`queue ${name}`, () => channel.assertQueue(name, { durable: true, arguments: args }));
      for (const binding of topology.bindings)
        await declaring(`binding of ${binding.destination} to ${binding.source}`, () => bind(channel, binding));
    });
  } catch (error) {
    throw faultOf(what, error as BrokerError) ?? error;
  }
  return found;
}

/** The bindings that number the hash ring's buckets, in index order. */
export function hashBindings({ exchanges, bindings }: Topology): BindingDeclaration[] {
  const hashes = new Set(exchanges.filter(({ type }) => type === 'x-consistent-hash').map(({ name }) => name));
  return bindings.filter(({ source }) => hashes.has(source));
}

export async function bind(
  channel: Channel,
  { source, destination, destinationType, routingKey }: BindingDeclaration,
): Promise<void> {
  if (destinationType === 'queue') await channel.bindQueue(destination, source, routingKey);
  else await channel.bindExchange(destination, source, routingKey);
}

/** Asks passively; the broker answers "no such object" by closing the channel, so it is asked on one made for it. */
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
 * Does something on a channel of its own. An error that ends the whole connection would reach the caller as a mere "channel ended": it is
 * reported by what the broker said.
 */
export async function onChannel<T>(model: ChannelModel, action: (channel: Channel) => Promise<T>): Promise<T> {
  let connectionError: Error | undefined;
  const onError = (error: Error) => {
    connectionError = error;
  };
  model.on('error', onError);
  try {
    const channel = await model.createChannel();
    channel.on('error', () => undefined); // the request that caused it rejects
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

/** Undefined where trying again may help. */
export function faultOf(what: string, error: BrokerError): TopologyFault | undefined {
  const fault = (why: string) => new TopologyFault(`${what}: ${why}`, { cause: error });
  // 503 up to RabbitMQ 3.x, where it ends the connection; 406 from 4.x on.
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
  const [, argument, wanted, current] = difference;
  return fault(`${argument} should be ${plain(wanted)}, but the broker has ${plain(current)}`);
}

/** `the value '5' of type 'byte'` reads `5`. */
function plain(value = ''): string {
  return /^(?:the value )?'([^']*)'(?: of type '[^']*')?$/.exec(value)?.[1] ?? value;
}
