import { PrismaEventLog } from '../../../adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaStoreIdentity } from '../../../adapters/stores/prisma/prisma-store-identity.js';
import { AmqpBrokerTopology } from '../../../adapters/transports/amqp/topology/amqp-broker-topology.js';
import { renewStoreId } from '../../../application/operations/topology.js';
import { topologySettings } from '../../settings/topology-settings.js';
import { requireSettings } from '../../settings.js';
import { withCommandDatabase } from '../command-database.js';
import { type BrokerOnce, connectOnce } from '../connect-broker.js';

const ADOPT = 'parley topology --adopt --yes';

/**
 * `parley new-store-id`, after the restore of an older backup: under the old store id, event ids would repeat. If the
 * namespace at the broker belongs to this store, it gets the new id too. Standard error says what is left to do.
 */
export async function runNewStoreId(): Promise<void> {
  const settings = requireSettings('database');
  const { amqpUrl, namespace } = settings;
  await withCommandDatabase(async (database) => {
    const identity = new PrismaStoreIdentity(database);
    if (amqpUrl === undefined) {
      console.log(await identity.renew());
      console.error(`parley: AMQP_URL is not set. If a broker has objects of this store, run: ${ADOPT}`);
      return;
    }
    let broker: BrokerOnce;
    try {
      broker = await connectOnce(amqpUrl, 'parley new-store-id');
    } catch (error) {
      console.log(await identity.renew());
      console.error(
        `parley: the broker does not have the new id (${(error as Error).message}). When it is available, run: ${ADOPT}`,
      );
      return;
    }
    try {
      const log = new PrismaEventLog(database);
      const result = await renewStoreId(
        new AmqpBrokerTopology(broker.connection, topologySettings(settings)),
        { current: () => log.storeId(), renew: () => identity.renew() },
        (storeId) => console.log(storeId),
      );
      if (result.namespace === 'in-use')
        console.error(
          `parley: namespace ${namespace} at the broker keeps the old id, because workers consume it. Stop them, then run: ${ADOPT}`,
        );
      else if (result.namespace === 'renewed')
        console.error(`parley: namespace ${namespace} at the broker has the new id too`);
      else
        console.error(
          `parley: namespace ${namespace} at the broker belongs to store ${result.storeId} and was not changed. To move it to this store, run: parley topology --adopt`,
        );
    } finally {
      await broker.connection.stop();
    }
  });
}
