import {
  adoptNamespace,
  commandQueues,
  storeOfNamespace,
} from '../../../adapters/transports/amqp/topology/namespace-claim.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { withStoreAndBroker } from '../with-store-and-broker.js';

/** `parley topology --adopt`: the namespace at the broker belongs to the store in the database from now on. */
export async function runAdopt({ isConfirmed }: { isConfirmed: boolean }): Promise<void> {
  await withStoreAndBroker(async ({ settings: { namespace }, topology, storeId, broker }) => {
    const model = broker.connection.current();
    const holder = await storeOfNamespace(model, namespace, storeId);
    if (holder.kind === 'ours') {
      console.log(`namespace ${namespace} belongs to store ${storeId}, which is this database`);
      return;
    }
    const queues = await commandQueues(model, topology);
    const served = queues.filter(({ consumers }) => consumers > 0);
    if (served.length > 0)
      throw new StartupError([
        `namespace ${namespace} belongs to store ${holder.storeId}, and workers consume ${served.length} of its command queues, ` +
          `${served[0]?.queue} among them: stop all processes of that store first`,
      ]);
    const waiting = queues.reduce((sum, { messages }) => sum + messages, 0);
    const change = `namespace ${namespace} from store ${holder.storeId} to store ${storeId}, which is this database`;
    if (!isConfirmed)
      throw new StartupError([
        `--adopt moves ${change}. The queues keep their commands: ${waiting} wait, and the workers of this database will process them; ` +
          'if the database does not have the chat, the answer is not_found. To confirm, add --yes',
      ]);
    await adoptNamespace(model, namespace, storeId);
    console.log(`moved ${change}; ${waiting} commands wait`);
  });
}
