import type { PrismaClient } from '../../../adapters/stores/prisma/generated/client.js';
import { PrismaEventLog } from '../../../adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaPartitionRegistry } from '../../../adapters/stores/prisma/prisma-partition-registry.js';
import { PrismaTransportState } from '../../../adapters/stores/prisma/prisma-transport-state.js';
import { AmqpBrokerTopology } from '../../../adapters/transports/amqp/topology/amqp-broker-topology.js';
import type { TransportState } from '../../../application/ports/store/transport-state.js';
import type { BrokerTopology } from '../../../application/ports/transport/broker-topology.js';
import { topologySettings } from '../../settings/topology-settings.js';
import { requireSettings, type Settings } from '../../settings.js';
import { recordFleetSettings } from '../../stores/record-fleet-settings.js';
import { withCommandDatabase } from '../command-database.js';
import { connectOnce, requireBrokerUrl } from '../connect-broker.js';

export interface TopologyAccess {
  settings: Settings;
  database: PrismaClient;
  storeId: string;
  transportState: TransportState;
  broker: BrokerTopology;
  /** The last warning or error of the connection to the broker. */
  lastError(): string;
}

/**
 * The store and the objects at its broker, for one command of `parley topology`. Nothing is declared. Errors become a
 * `StartupError` of one line.
 */
export async function withBrokerTopology(work: (access: TopologyAccess) => Promise<void>): Promise<void> {
  const settings = requireSettings('database');
  const url = requireBrokerUrl(settings);
  await withCommandDatabase(async (database) => {
    await recordFleetSettings(new PrismaPartitionRegistry(database), settings);
    const transportState = new PrismaTransportState(database);
    const storeId = await new PrismaEventLog(database).storeId();
    const { connection, lastError } = await connectOnce(url, 'parley topology');
    try {
      const broker = new AmqpBrokerTopology(connection, topologySettings(settings));
      await work({ settings, database, storeId, transportState, broker, lastError });
    } finally {
      await connection.stop();
    }
  });
}
