import { PrismaEventLog } from '../../../adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaStoreIdentity } from '../../../adapters/stores/prisma/prisma-store-identity.js';
import {
  adoptNamespace,
  commandQueues,
  storeOfNamespace,
} from '../../../adapters/transports/amqp/topology/namespace-claim.js';
import { topology } from '../../../contract/messages/topology.js';
import { topologySettings } from '../../settings/topology-settings.js';
import { requireSettings } from '../../settings.js';
import { withCommandDatabase } from '../command-database.js';
import { type BrokerOnce, connectOnce } from '../connect-broker.js';

const ADOPT = 'parley topology --adopt --yes';

/**
 * After restoring an older backup: event ids would repeat under the old store id. Where the namespace at the broker is
 * this store's, it gets the new id
 * too, after the database: should that fail, processes are refused and say how to adopt. Standard error says what is
 * left to do.
 */
export async function runNewStoreId(): Promise<void> {
  const settings = requireSettings('database');
  const { amqpUrl, namespace } = settings;
  await withCommandDatabase(async (database) => {
    const before = await new PrismaEventLog(database).storeId();
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
      const model = broker.connection.current();
      const holder = await storeOfNamespace(model, namespace, before);
      // A copy of this database would have the same id: what its workers consume is not to be taken from them.
      const queues = await commandQueues(model, topology(topologySettings(settings)));
      const isConsumed = queues.some(({ consumers }) => consumers > 0);
      const after = await identity.renew();
      console.log(after);
      if (holder.kind === 'ours' && isConsumed)
        console.error(
          `parley: namespace ${namespace} at the broker keeps the old id, because workers consume it. Stop them, then run: ${ADOPT}`,
        );
      else if (holder.kind === 'ours') {
        await adoptNamespace(model, namespace, after);
        console.error(`parley: namespace ${namespace} at the broker has the new id too`);
      } else
        console.error(
          `parley: namespace ${namespace} at the broker belongs to store ${holder.storeId} and was not changed. To move it to this store, run: parley topology --adopt`,
        );
    } finally {
      await broker.connection.stop();
    }
  });
}
