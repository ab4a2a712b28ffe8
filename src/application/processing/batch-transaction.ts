/** One transaction of a batch: load the snapshot, decide the commands, write the result. */

import type { PartitionLease } from '../cluster/partition-lease.js';
import type { CommandStore } from '../ports/store/command-store.js';
import type { LoggedEvent } from '../ports/store/event-log.js';
import type { Failpoints } from '../runtime/failpoints.js';
import type { Time } from '../runtime/time.js';
import type { BatchItem, ItemResult } from '../snapshot/batch-item.js';
import type { CommandDecider } from './command-decider.js';
import { snapshotKeysOf } from './snapshot-keys.js';

/** What a transaction needs of the lease. `publishedThrough` is saved with the batch. */
export type TransactionLease = Pick<PartitionLease, 'partition' | 'epoch' | 'publishedThrough'>;

export interface CommandResult {
  item: BatchItem;
  result: ItemResult | { kind: 'poison'; detail: string };
}

/** A batch, or a part of one, that is done. */
export interface ExecutedBatch {
  results: CommandResult[];
  /** The committed events, in log order. The caller must record them on the lease, which publishes them. */
  events: readonly LoggedEvent[];
}

/**
 * Another worker has the lease of the partition now. The caller must close the channel, which returns all deliveries.
 */
export class Fenced extends Error {
  constructor(readonly partition: number) {
    super(`lease of partition ${partition} lost to another worker`);
    this.name = 'Fenced';
  }
}

export interface BatchTransactionDeps {
  decider: CommandDecider;
  time: Time;
  steps?: Failpoints | undefined;
}

/** Rejects with `Fenced`, with a `StoreError`, or with an error of the decider. */
export async function transact(
  store: CommandStore,
  items: readonly BatchItem[],
  lease: TransactionLease,
  { decider, time, steps }: BatchTransactionDeps,
): Promise<ExecutedBatch> {
  const { partition, epoch, publishedThrough } = lease;
  const request = { partition, epoch, keys: snapshotKeysOf(items), publishedThrough };
  const result = await store.transact(request, (snapshot) => {
    const { writes, value } = decider.decide(items, snapshot, { partition, now: time.now() });
    steps?.reachedSync('decided', { partition, count: items.length });
    return { writes, value: { results: value, events: writes.events } };
  });
  if (result.outcome === 'fenced') throw new Fenced(partition);
  const { results, events } = result.value;
  return { results: items.map((item, index) => ({ item, result: results[index] as ItemResult })), events };
}
