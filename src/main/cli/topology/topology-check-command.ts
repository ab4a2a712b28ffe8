import { PrismaChatPartitions } from '../../../adapters/stores/prisma/prisma-chat-partitions.js';
import { type CheckOutcome, checkRouting } from '../../../application/operations/topology.js';
import type { KeyPlacement } from '../../../application/ports/transport/broker-topology.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { withBrokerTopology } from './with-broker-topology.js';

export interface CheckRequest {
  checksAll: boolean;
}

/** `parley topology --check`: exit code 1 if commands are not routed to the partition of their chat. */
export async function runTopologyCheck({ checksAll }: CheckRequest): Promise<void> {
  await withBrokerTopology(async ({ settings: { partitions }, database, storeId, broker }) => {
    const homes = new PrismaChatPartitions(database);
    const result = await checkRouting({ broker, homes, storeId, partitions, checksAll });
    if (result.outcome === 'no-consumer')
      throw new StartupError([
        `no worker consumes ${result.queue ?? 'the command queues: some are not declared yet'}; the check needs running workers: start one`,
      ]);
    print(result);
  });
}

function print({ checked, mismatches, first }: Extract<CheckOutcome, { outcome: 'checked' }>): void {
  if (mismatches === 0) {
    console.log(`checked ${checked} chats: all commands are routed to the partition of their chat`);
    return;
  }
  for (const { chatId, partition, found } of first)
    console.log(`chat ${chatId} belongs to partition ${partition}; its commands ${describe(found)}`);
  if (mismatches > first.length) console.log(`… and ${mismatches - first.length} more`);
  console.log(
    `checked ${checked} chats: commands of ${mismatches} chats are not routed to the partition of their chat`,
  );
  console.error('parley: repair the hash ring with parley topology --repair, then check again');
  process.exitCode = 1;
}

function describe(found: KeyPlacement): string {
  if (found === 'nowhere') return 'are routed to no queue';
  if (found === 'unanswered') return 'could not be traced: no worker answered in time';
  return `are routed to partition ${found}`;
}
