import type { TransportState } from '../../../../application/ports/store/transport-state.js';
import type {
  BrokerTopology,
  CommandQueueState,
  KeyPlacement,
} from '../../../../application/ports/transport/broker-topology.js';
import { names, type TopologySettings, topology } from '../../../../contract/messages/topology.js';
import type { AmqpConnection } from '../../../../infrastructure/amqp/amqp-connection.js';
import { ConfirmedPublisher } from '../publish/confirmed-publisher.js';
import { onChannel } from './declare-topology.js';
import { forgetRingOrder } from './hash-ring.js';
import { adoptNamespace, claimNamespace, commandQueues, storeOfNamespace } from './namespace-claim.js';
import { prepareBroker } from './prepare-broker.js';
import { queueExists } from './queue-exists.js';
import { partitionsOfKeys } from './ring-probe.js';

/** On one open connection. Rejects with `TopologyFault` if a retry cannot help. */
export class AmqpBrokerTopology implements BrokerTopology {
  private readonly namespace: string;

  constructor(
    private readonly connection: AmqpConnection,
    private readonly settings: TopologySettings,
  ) {
    this.namespace = settings.namespace;
  }

  holder(storeId: string): Promise<{ kind: 'ours' } | { kind: 'other'; storeId: string }> {
    return storeOfNamespace(this.connection.current(), this.namespace, storeId);
  }

  claim(storeId: string): Promise<void> {
    return claimNamespace(this.connection.current(), this.namespace, storeId);
  }

  adopt(storeId: string): Promise<void> {
    return adoptNamespace(this.connection.current(), this.namespace, storeId);
  }

  commandQueues(): Promise<CommandQueueState[]> {
    return commandQueues(this.connection.current(), topology(this.settings));
  }

  partitionsOf(keys: readonly string[]): Promise<Map<string, KeyPlacement>> {
    return partitionsOfKeys(this.connection, this.namespace, keys);
  }

  async declare(state: TransportState, { repairsRouting }: { repairsRouting: boolean }): Promise<void> {
    const { namespace } = this;
    const model = this.connection.current();
    const publisher = new ConfirmedPublisher(this.connection);
    try {
      if (repairsRouting) await forgetRingOrder(model, namespace);
      await prepareBroker(model, { namespace, topology: topology(this.settings), state, publisher });
    } finally {
      await publisher.close();
    }
  }

  unbind(queue: string, bindings: readonly string[]): Promise<number> {
    return onChannel(this.connection.current(), async (channel) => {
      const { messageCount } = await channel.checkQueue(queue);
      for (const key of bindings) await channel.unbindQueue(queue, names.events(this.namespace), key);
      return messageCount;
    });
  }

  hasQueue(queue: string): Promise<boolean> {
    return queueExists(this.connection, queue);
  }
}
