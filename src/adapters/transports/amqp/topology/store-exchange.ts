/**
 * Which store the objects of a namespace belong to. The durable exchange `<namespace>.store` names it; every process that has a store declares the
 * exchange for its own on every new connection, before it declares or consumes anything else. A broker where another store did so first refuses.
 *
 * The store id stands in the argument `alternate-exchange`, because RabbitMQ (3.10 and 4.0.5) compares no other argument of an exchange when it is
 * declared again. Declaring is atomic in the broker: of two stores that start at once on an empty one, one wins.
 */
import type { ChannelModel } from 'amqplib';
import { names, type Topology } from '../../../../contract/messages/topology.js';
import { faultOf, hashBindings, onChannel, TopologyFault } from './declare-topology.js';

/** Stands for a store id where the exchange does not carry one. */
const NO_STORE_ID = 'unknown';

/** The namespace belongs to another store. */
export class OtherStore extends TopologyFault {
  constructor(
    readonly namespace: string,
    readonly storeId: string,
    own: string,
  ) {
    super(
      `at this broker, namespace ${namespace} belongs to store ${storeId}, and this database is store ${own}: its commands would get wrong ` +
        'answers here. Correct DATABASE_URL, AMQP_URL or CHAT_NAMESPACE; or, to give the queues and what is in them to this database, ' +
        'stop all processes of the other store and run: parley topology --adopt',
    );
    this.name = 'OtherStore';
  }
}

/**
 * Declares the namespace as this store's, which does nothing where it is so already. Rejects with `OtherStore`, or with `TopologyFault` where the user
 * may not declare the exchange or it has another form.
 */
export async function claimNamespace(model: ChannelModel, namespace: string, storeId: string): Promise<void> {
  const exchange = names.store(namespace);
  const mark = names.storeMark(namespace, storeId);
  try {
    await onChannel(model, (channel) =>
      channel.assertExchange(exchange, 'fanout', { durable: true, internal: true, alternateExchange: mark }),
    );
  } catch (error) {
    const fault = faultOf(`exchange ${exchange}`, error as Error);
    if (fault === undefined) throw error;
    if (!/inequivalent arg 'alternate-exchange'/.test((error as Error).message)) throw fault;
    const other = /current is .*\.store\.([0-9a-f-]{36})/.exec((error as Error).message)?.[1];
    throw new OtherStore(namespace, other ?? NO_STORE_ID, storeId);
  }
}

/** Who has the namespace. `ours`: declared just now where it was nobody's. */
export async function holderOf(
  model: ChannelModel,
  namespace: string,
  storeId: string,
): Promise<{ kind: 'ours' } | { kind: 'other'; storeId: string }> {
  try {
    await claimNamespace(model, namespace, storeId);
    return { kind: 'ours' };
  } catch (error) {
    if (error instanceof OtherStore) return { kind: 'other', storeId: error.storeId };
    throw error;
  }
}

/** Takes the namespace from whichever store has it. Queues and what is in them stay as they are. Rejects as `claimNamespace` does. */
export async function adoptNamespace(model: ChannelModel, namespace: string, storeId: string): Promise<void> {
  await onChannel(model, (channel) => channel.deleteExchange(names.store(namespace)));
  await claimNamespace(model, namespace, storeId);
}

export interface CommandQueueState {
  queue: string;
  /** Messages that wait; those in a consumer's hand do not count. */
  messages: number;
  /** Active, or in line to become so. */
  consumers: number;
}

/** The command queues that are there. */
export async function commandQueues(model: ChannelModel, topology: Topology): Promise<CommandQueueState[]> {
  const states: CommandQueueState[] = [];
  for (const { destination: queue } of hashBindings(topology)) {
    try {
      const { messageCount, consumerCount } = await onChannel(model, (channel) => channel.checkQueue(queue));
      states.push({ queue, messages: messageCount, consumers: consumerCount });
    } catch (error) {
      if ((error as { code?: unknown }).code !== 404) throw error;
    }
  }
  return states;
}
