/** `parley topology --check`: whether commands fall into the partition that their chat lives in. */

import { type ChatPartition, PrismaChatPartitions } from '../../../adapters/stores/prisma/prisma-chat-partitions.js';
import { claimNamespace, commandQueues } from '../../../adapters/transports/amqp/topology/namespace-claim.js';
import { type KeyPlacement, partitionsOfKeys } from '../../../adapters/transports/amqp/topology/ring-probe.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { type StoreAndBroker, withStoreAndBroker } from '../with-store-and-broker.js';

/**
 * Chats that are looked at, where not all are asked for: a ring out of order moves one in two, or one in as many as
 * there are partitions.
 */
export const CHECK_SAMPLE = 1_000;
const PAGE = 1_000;
/** Mismatches that are named; all are counted. */
const NAMED_MAX = 20;

export interface CheckRequest {
  looksAtAll: boolean;
}

interface Verdict {
  looked: number;
  mismatches: number;
  named: string[];
}

/** Exit code 1 where a chat's commands fall elsewhere. */
export async function runTopologyCheck({ looksAtAll }: CheckRequest): Promise<void> {
  await withStoreAndBroker(async (access) => {
    const { settings, storeId, broker, topology } = access;
    const model = broker.connection.current();
    await claimNamespace(model, settings.namespace, storeId);
    const queues = await commandQueues(model, topology);
    // A probe in a queue that nobody consumes would wait there.
    const unserved = queues.filter(({ consumers }) => consumers === 0).map(({ queue }) => queue);
    if (queues.length < settings.partitions || unserved.length > 0)
      throw new StartupError([
        `no worker consumes ${unserved[0] ?? 'the command queues: some are not declared yet'}; the check needs running workers: start one`,
      ]);
    const verdict: Verdict = { looked: 0, mismatches: 0, named: [] };
    for await (const homes of looksAtAll
      ? pages(access)
      : [await new PrismaChatPartitions(access.database).sample(CHECK_SAMPLE)])
      await compare(access, homes, verdict);
    tell(verdict);
  });
}

async function* pages({ database }: StoreAndBroker): AsyncGenerator<ChatPartition[]> {
  const homes = new PrismaChatPartitions(database);
  let after: string | null = null;
  for (;;) {
    const page: ChatPartition[] = await homes.page(after, PAGE);
    if (page.length === 0) return;
    yield page;
    after = page.at(-1)?.chatId ?? null;
  }
}

async function compare(
  { broker, settings }: StoreAndBroker,
  homes: readonly ChatPartition[],
  verdict: Verdict,
): Promise<void> {
  const keys = homes.map(({ chatId }) => chatId);
  const falls = await partitionsOfKeys(broker.connection, settings.namespace, keys);
  for (const { chatId, partition } of homes) {
    const fall = falls.get(chatId) ?? 'unanswered';
    verdict.looked += 1;
    if (fall === partition) continue;
    verdict.mismatches += 1;
    if (verdict.named.length < NAMED_MAX)
      verdict.named.push(`chat ${chatId} belongs to partition ${partition}; its commands ${inWords(fall)}`);
  }
}

function inWords(fall: KeyPlacement): string {
  if (fall === 'nowhere') return 'are routed to no queue';
  if (fall === 'unanswered') return 'could not be traced: no worker answered in time';
  return `are routed to partition ${fall}`;
}

function tell({ looked, mismatches, named }: Verdict): void {
  if (mismatches === 0) {
    console.log(`checked ${looked} chats: all commands are routed to the partition of their chat`);
    return;
  }
  for (const line of named) console.log(line);
  if (mismatches > named.length) console.log(`… and ${mismatches - named.length} more`);
  console.log(`checked ${looked} chats: commands of ${mismatches} chats are not routed to the partition of their chat`);
  console.error('parley: repair the hash ring with parley topology --repair, then check again');
  process.exitCode = 1;
}
