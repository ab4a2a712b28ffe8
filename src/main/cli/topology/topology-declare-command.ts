import { ConfirmedPublisher } from '../../../adapters/transports/amqp/publish/confirmed-publisher.js';
import { forgetRingOrder } from '../../../adapters/transports/amqp/topology/hash-ring.js';
import { claimNamespace } from '../../../adapters/transports/amqp/topology/namespace-claim.js';
import { prepareBroker } from '../../../adapters/transports/amqp/topology/prepare-broker.js';
import { inTime } from '../connect-broker.js';
import { withStoreAndBroker } from '../with-store-and-broker.js';

/** How long a broker may take to declare everything: a thousand quorum queues are slow. */
const DECLARE_TIMEOUT_MS = 120_000;

/**
 * Declares the broker's objects for the store in the database, as a starting worker does, under the same lock.
 * `repairsRing`: binds the queues to the
 * hash exchange anew, whatever its mark says. Rejects with one line for people.
 */
export async function declareOnce({ repairsRing = false } = {}): Promise<void> {
  await withStoreAndBroker(async ({ settings: { namespace }, topology, storeId, transportState, broker }) => {
    const { connection } = broker;
    const model = connection.current();
    const publisher = new ConfirmedPublisher(connection);
    const declare = async () => {
      await claimNamespace(model, namespace, storeId);
      if (repairsRing) await forgetRingOrder(model, namespace);
      await prepareBroker(model, { namespace, topology, state: transportState, publisher });
    };
    const tooSlow = () => `not declared within ${DECLARE_TIMEOUT_MS} ms: ${broker.lastError()}`;
    try {
      await inTime(declare(), DECLARE_TIMEOUT_MS, tooSlow);
    } finally {
      await publisher.close();
    }
  });
}
