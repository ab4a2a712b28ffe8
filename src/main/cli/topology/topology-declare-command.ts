import { inTime } from '../connect-broker.js';
import { withBrokerTopology } from './with-broker-topology.js';

/** How long a broker may take to declare everything: a thousand quorum queues are slow. */
const DECLARE_TIMEOUT_MS = 120_000;

/**
 * Declares the broker's objects for the store in the database, as a starting worker does, under the same lock.
 * `repairsRing`: binds the command queues to the hash exchange again in any case. Rejects with a `StartupError`.
 */
export async function declareOnce({ repairsRing = false } = {}): Promise<void> {
  await withBrokerTopology(async ({ storeId, transportState, broker, lastError }) => {
    const declare = async () => {
      await broker.claim(storeId);
      await broker.declare(transportState, { repairsRouting: repairsRing });
    };
    await inTime(declare(), DECLARE_TIMEOUT_MS, () => `not declared within ${DECLARE_TIMEOUT_MS} ms: ${lastError()}`);
  });
}
