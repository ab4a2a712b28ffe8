/** Operator functions on the objects at the broker, and on the id that ties them to the store. */

import type { ChatPartition, ChatPartitions } from '../ports/store/chat-partitions.js';
import type { BrokerTopology, KeyPlacement } from '../ports/transport/broker-topology.js';

/**
 * Number of chats that are checked by default. A wrong routing moves about half of all keys, or one partition's share.
 */
export const CHECK_SAMPLE = 1_000;
const PAGE = 1_000;
/** Maximum number of mismatches that are returned. All are counted. */
const MISMATCHES_RETURNED_MAX = 20;

export interface PlacementMismatch extends ChatPartition {
  found: KeyPlacement;
}

export type CheckOutcome =
  /** A probe would wait in a queue without a consumer. `queue` null: some queues are not declared. */
  | { outcome: 'no-consumer'; queue: string | null }
  | { outcome: 'checked'; checked: number; mismatches: number; first: PlacementMismatch[] };

export interface CheckRequest {
  broker: BrokerTopology;
  homes: ChatPartitions;
  storeId: string;
  partitions: number;
  /** Check all chats, not a sample. */
  checksAll: boolean;
}

/** Checks whether commands are routed to the partition of their chat. Rejects if the namespace is of another store. */
export async function checkRouting({
  broker,
  homes,
  storeId,
  partitions,
  checksAll,
}: CheckRequest): Promise<CheckOutcome> {
  await broker.claim(storeId);
  const queues = await broker.commandQueues();
  const unserved = queues.find(({ consumers }) => consumers === 0);
  if (queues.length < partitions || unserved !== undefined)
    return { outcome: 'no-consumer', queue: unserved?.queue ?? null };
  const result = { outcome: 'checked' as const, checked: 0, mismatches: 0, first: [] as PlacementMismatch[] };
  for await (const page of checksAll ? pages(homes) : [await homes.sample(CHECK_SAMPLE)]) {
    const found = await broker.partitionsOf(page.map(({ chatId }) => chatId));
    for (const home of page) {
      const placement = found.get(home.chatId) ?? 'unanswered';
      result.checked += 1;
      if (placement === home.partition) continue;
      result.mismatches += 1;
      if (result.first.length < MISMATCHES_RETURNED_MAX) result.first.push({ ...home, found: placement });
    }
  }
  return result;
}

async function* pages(homes: ChatPartitions): AsyncGenerator<ChatPartition[]> {
  let after: string | null = null;
  for (;;) {
    const page: ChatPartition[] = await homes.page(after, PAGE);
    if (page.length === 0) return;
    yield page;
    after = page.at(-1)?.chatId ?? null;
  }
}

export type AdoptOutcome =
  | { outcome: 'already-ours' }
  /** Workers of the other store consume `consumed` of its queues, `queue` among them. */
  | { outcome: 'in-use'; from: string; consumed: number; queue: string }
  /** Nothing was changed. `waiting`: commands in the queues. */
  | { outcome: 'unconfirmed'; from: string; waiting: number }
  | { outcome: 'adopted'; from: string; waiting: number };

/** Moves the namespace, with the commands in its queues, to this store. */
export async function adoptNamespace(
  broker: BrokerTopology,
  storeId: string,
  { isConfirmed }: { isConfirmed: boolean },
): Promise<AdoptOutcome> {
  const holder = await broker.holder(storeId);
  if (holder.kind === 'ours') return { outcome: 'already-ours' };
  const from = holder.storeId;
  const queues = await broker.commandQueues();
  const [consumed, ...others] = queues.filter(({ consumers }) => consumers > 0);
  if (consumed !== undefined) return { outcome: 'in-use', from, consumed: others.length + 1, queue: consumed.queue };
  const waiting = queues.reduce((sum, { messages }) => sum + messages, 0);
  if (!isConfirmed) return { outcome: 'unconfirmed', from, waiting };
  await broker.adopt(storeId);
  return { outcome: 'adopted', from, waiting };
}

/** How the namespace at the broker stands to the new store id. */
export type RenewOutcome =
  | { namespace: 'renewed' }
  /** It keeps the old id, because workers consume its queues. */
  | { namespace: 'in-use' }
  | { namespace: 'of-other-store'; storeId: string };

/**
 * Gives the store a new id, and then its namespace at the broker. If the second step fails, processes are refused and
 * say how to adopt the namespace. `onRenewed` gets the new id before the second step.
 */
export async function renewStoreId(
  broker: BrokerTopology,
  identity: { current(): Promise<string>; renew(): Promise<string> },
  onRenewed: (storeId: string) => void,
): Promise<RenewOutcome> {
  const holder = await broker.holder(await identity.current());
  // A copy of this database has the same id. Its workers must not lose their queues.
  const isConsumed = (await broker.commandQueues()).some(({ consumers }) => consumers > 0);
  const renewed = await identity.renew();
  onRenewed(renewed);
  if (holder.kind === 'other') return { namespace: 'of-other-store', storeId: holder.storeId };
  if (isConsumed) return { namespace: 'in-use' };
  await broker.adopt(renewed);
  return { namespace: 'renewed' };
}
