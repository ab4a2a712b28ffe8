/**
 * Records which store a namespace on the broker belongs to. The durable exchange `<namespace>.store` names the store.
 * Every process with a store declares this exchange on every new connection, before it declares or consumes anything
 * else. If another store has declared it first, the broker refuses.
 *
 * The store id is in the argument `alternate-exchange`, because RabbitMQ (3.10 and 4.0.5) compares no other argument
 * when an exchange is declared again. Declaring is atomic in the broker: if two stores start at once on an empty
 * broker, one wins.
 */
import type { ChannelModel } from 'amqplib';
import type { CommandQueueState } from '../../../../application/ports/transport/broker-topology.js';
import { names, type Topology } from '../../../../contract/messages/topology.js';
import { faultOf, hashBindings, onChannel, TopologyFault } from './declare-topology.js';

/** Used if the exchange does not have a store id. */
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
 * Declares that the namespace belongs to this store. Does nothing if it does already. Rejects with `OtherStore`, or
 * with `TopologyFault` if the user may not declare the exchange or it has another type.
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

/** The store that the namespace belongs to. `ours`: it had no store and was declared as ours now. */
export async function storeOfNamespace(
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

/**
 * Takes the namespace from its current store. Queues and their messages do not change. Rejects like `claimNamespace`.
 */
export async function adoptNamespace(model: ChannelModel, namespace: string, storeId: string): Promise<void> {
  await onChannel(model, (channel) => channel.deleteExchange(names.store(namespace)));
  await claimNamespace(model, namespace, storeId);
}

/** The existing command queues. */
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
