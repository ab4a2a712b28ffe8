/** Planted bugs in what a partition does after its group has split, by name. They exist in the simulation only. */

import type { BatchExecution } from '../../../src/application/processing/execution/batch-executor.js';
import { type ExecutedBatch, Fenced } from '../../../src/application/processing/execution/batch-transaction.js';
import { OutcomeUnknown } from '../../../src/application/processing/execution/retrying-store.js';
import type { BatchItem } from '../../../src/application/snapshot/batch-item.js';
import type { Plant } from './simulate.js';

type Execute = BatchExecution['execute'];

/** A bug in the batch that a partition executes alone because the transaction of its group has failed. */
function afterSplit(wrap: (execute: Execute) => { first: Execute; later: Execute }): Plant {
  return (ports) => ({
    ...ports,
    executor: (executor) => {
      const split = new Set<number>();
      const { first, later } = wrap((part, signal) => executor.execute(part, signal));
      return {
        contendedSince: (partition) => executor.contendedSince(partition),
        executeTogether: async (parts) => {
          try {
            return await executor.executeTogether(parts);
          } catch (error) {
            if (!(error instanceof Fenced || error instanceof OutcomeUnknown))
              for (const { lease } of parts) split.add(lease.partition);
            throw error;
          }
        },
        execute: (part, signal) => (split.delete(part.lease.partition) ? first(part, signal) : later(part, signal)),
      };
    },
  });
}

function changing(change: (executed: ExecutedBatch) => ExecutedBatch): Plant {
  return afterSplit((execute) => ({
    async *first(part, signal) {
      for await (const executed of execute(part, signal)) yield change(executed);
    },
    later: execute,
  }));
}

export const GROUP_PLANTS: { [name: string]: () => Plant } = {
  "after a split, a partition's later batch overtakes its earlier one": () =>
    afterSplit((execute) => {
      const overtaken = new Map<number, readonly BatchItem[]>();
      return {
        async *first({ items, lease }) {
          overtaken.set(lease.partition, items);
          // As if it had been executed: the caller acknowledges it.
          yield { results: [], events: [] };
        },
        async *later(part, signal) {
          const { lease } = part;
          yield* execute(part, signal);
          const items = overtaken.get(lease.partition);
          overtaken.delete(lease.partition);
          if (items !== undefined) yield* execute({ items, lease }, signal);
        },
      };
    }),
  'after a split, the receipts of a partition are sent in another order': () =>
    changing((executed) => ({ ...executed, results: executed.results.toReversed() })),
  'after a split, the events of a partition are published in another order': () =>
    changing((executed) => ({ ...executed, events: executed.events.toReversed() })),
};
