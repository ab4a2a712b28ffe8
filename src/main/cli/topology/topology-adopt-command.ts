import { adoptNamespace } from '../../../application/operations/topology.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { withBrokerTopology } from './with-broker-topology.js';

/** `parley topology --adopt`: moves the namespace at the broker to the store in the database. */
export async function runAdopt({ isConfirmed }: { isConfirmed: boolean }): Promise<void> {
  await withBrokerTopology(async ({ settings: { namespace }, storeId, broker }) => {
    const result = await adoptNamespace(broker, storeId, { isConfirmed });
    if (result.outcome === 'already-ours') {
      console.log(`namespace ${namespace} belongs to store ${storeId}, which is this database`);
      return;
    }
    const { from } = result;
    if (result.outcome === 'in-use')
      throw new StartupError([
        `namespace ${namespace} belongs to store ${from}, and workers consume ${result.consumed} of its command queues, ` +
          `${result.queue} among them: stop all processes of that store first`,
      ]);
    const change = `namespace ${namespace} from store ${from} to store ${storeId}, which is this database`;
    if (result.outcome === 'unconfirmed')
      throw new StartupError([
        `--adopt moves ${change}. The queues keep their commands: ${result.waiting} wait, and the workers of this database will process them; ` +
          'if the database does not have the chat, the answer is not_found. To confirm, add --yes',
      ]);
    console.log(`moved ${change}; ${result.waiting} commands wait`);
  });
}
