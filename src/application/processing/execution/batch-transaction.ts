/** One transaction of a batch: load the snapshot, decide the commands, write the result. */

import type { BatchLease, CommandStore } from '../../ports/store/command-store.js';
import type { LoggedEvent } from '../../ports/store/log/event-log.js';
import type { Failpoints } from '../../runtime/failpoints.js';
import type { Time } from '../../runtime/time.js';
import type { BatchItem, ItemResult } from '../../snapshot/batch-item.js';
import type { CommandDecider } from './command-decider.js';
import { snapshotKeysOf } from './snapshot-keys.js';

/** The commands of one partition in a batch, in order. */
export interface BatchPart {
  items: readonly BatchItem[];
  /** The partition lease itself: `publishedThrough` is read at each attempt. */
  lease: BatchLease;
}

export interface CommandResult {
  item: BatchItem;
  result: ItemResult | { kind: 'poison'; detail: string };
}

/** Commands of one partition that are done. */
export interface ExecutedBatch {
  results: CommandResult[];
  /** The committed events, in log order. The caller must record them on the lease, which publishes them. */
  events: readonly LoggedEvent[];
}

/**
 * Other workers have the leases of these partitions now. Their consumers must close their channels, which returns all
 * deliveries.
 */
export class Fenced extends Error {
  constructor(readonly partitions: readonly number[]) {
    super(`lease of partition ${partitions.join(', ')} lost to another worker`);
    this.name = 'Fenced';
  }
}

export interface BatchTransactionDeps {
  decider: CommandDecider;
  time: Time;
  steps?: Failpoints | undefined;
}

/**
 * All parts take effect, or none. They share one snapshot and one state: a command that came to two partitions has one
 * effect.
 * @param parts at least one, of different partitions, in the order of their partitions
 * @returns what is done, in the order of the parts. Rejects with `Fenced`, with a `StoreError`, or with an error of the
 *   decider
 */
export async function transact(
  store: CommandStore,
  parts: readonly BatchPart[],
  { decider, time, steps }: BatchTransactionDeps,
): Promise<ExecutedBatch[]> {
  const items = parts.flatMap((part) => part.items);
  const leases = parts.map(({ lease: { partition, epoch, publishedThrough } }) => ({
    ...{ partition, epoch, publishedThrough },
  }));
  const result = await store.transact({ leases, keys: snapshotKeysOf(items) }, (snapshot) => {
    const { writes, value } = decider.decide(items, snapshot, time.now());
    for (const part of parts)
      steps?.reachedSync('decided', { partition: part.lease.partition, count: part.items.length });
    return { writes, value: { results: value, events: writes.events } };
  });
  if (result.outcome === 'fenced') throw new Fenced(result.partitions);
  const { results, events } = result.value;
  let from = 0;
  return parts.map(({ items: own, lease: { partition } }) => {
    const first = from;
    from += own.length;
    return {
      results: own.map((item, index) => ({ item, result: results[first + index] as ItemResult })),
      events: parts.length === 1 ? events : events.filter((event) => event.partition === partition),
    };
  });
}

/** `transact` with one part. */
export async function transactOne(
  store: CommandStore,
  part: BatchPart,
  deps: BatchTransactionDeps,
): Promise<ExecutedBatch> {
  const [executed] = await transact(store, [part], deps);
  if (executed === undefined) throw new Error('a transaction of one part has no result');
  return executed;
}
