import type { PartitionRegistry } from '../../application/ports/store/partition-registry.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import type { TopologyValues } from '../settings/topology-settings.js';

/**
 * Records the namespace and the number of partitions at the first start. Rejects with a `StartupError` if the store has
 * other values. It must succeed before anything is declared at the broker: with another number of partitions, chats
 * would be routed to the wrong queues.
 */
export async function recordFleetSettings(
  registry: Pick<PartitionRegistry, 'settle'>,
  { namespace, partitions }: Pick<TopologyValues, 'namespace' | 'partitions'>,
): Promise<void> {
  const settled = await registry.settle({ namespace, partitions });
  const faults: string[] = [];
  if (settled.partitions !== partitions)
    faults.push(`COMMAND_PARTITIONS is ${partitions}, but this database was first started with ${settled.partitions}`);
  if (settled.namespace !== namespace)
    faults.push(`CHAT_NAMESPACE is ${namespace}, but this database was first started with ${settled.namespace}`);
  if (faults.length > 0) throw new StartupError(faults);
}
