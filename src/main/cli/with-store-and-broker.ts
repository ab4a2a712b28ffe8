import type { PrismaClient } from '../../adapters/stores/prisma/generated/client.js';
import { PrismaEventLog } from '../../adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaPartitionRegistry } from '../../adapters/stores/prisma/prisma-partition-registry.js';
import { PrismaTransportState } from '../../adapters/stores/prisma/prisma-transport-state.js';
import type { TransportState } from '../../application/ports/transport-state.js';
import { type Topology, topology } from '../../contract/messages/topology.js';
import { topologySettings } from '../settings/topology-settings.js';
import { requireSettings, type Settings } from '../settings.js';
import { recordFleetSettings } from '../stores/record-fleet-settings.js';
import { withCommandDatabase } from './command-database.js';
import { type BrokerOnce, connectOnce } from './connect-broker.js';
import { requireBrokerUrl } from './dead-letters/with-dead-letters.js';

export interface StoreAndBroker {
  settings: Settings;
  topology: Topology;
  database: PrismaClient;
  storeId: string;
  transportState: TransportState;
  broker: BrokerOnce;
}

/**
 * The store and its broker for one command of `parley topology`; nothing is declared yet. It says in one line what goes
 * wrong.
 */
export async function withStoreAndBroker(work: (access: StoreAndBroker) => Promise<void>): Promise<void> {
  const settings = requireSettings('database');
  const url = requireBrokerUrl(settings);
  await withCommandDatabase(async (database) => {
    await recordFleetSettings(new PrismaPartitionRegistry(database), settings);
    const transportState = new PrismaTransportState(database);
    const storeId = await new PrismaEventLog(database).storeId();
    const broker = await connectOnce(url, 'parley topology');
    try {
      await work({
        ...{ settings, topology: topology(topologySettings(settings)) },
        ...{ database, storeId, transportState, broker },
      });
    } finally {
      await broker.connection.stop();
    }
  });
}
