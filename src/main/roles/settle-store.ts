import type { PartitionRegistry } from '../../application/ports/partition-registry.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import type { Settings } from '../settings.js';

/**
 * Records namespace and number of partitions at the first start. Rejects with a `StartupError` where the database has
 * others: another number of partitions
 * would send chats to the wrong queues, so it is found out before anything is declared.
 */
export async function settleStore(
  registry: Pick<PartitionRegistry, 'settle'>,
  { namespace, partitions }: Pick<Settings, 'namespace' | 'partitions'>,
): Promise<void> {
  const settled = await registry.settle({ namespace, partitions });
  const faults: string[] = [];
  if (settled.partitions !== partitions)
    faults.push(`COMMAND_PARTITIONS is ${partitions}, but this database was first started with ${settled.partitions}`);
  if (settled.namespace !== namespace)
    faults.push(`CHAT_NAMESPACE is ${namespace}, but this database was first started with ${settled.namespace}`);
  if (faults.length > 0) throw new StartupError(faults);
}
