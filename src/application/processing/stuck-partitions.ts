import type { PartitionStatus } from './partition-consumer.js';

/**
 * A partition is stuck if its events wait for longer than this, for any reason: the broker does not confirm, or
 * publishing is too slow.
 */
export const EVENTS_STUCK_MS = 30_000;
/** A partition is stuck if a batch takes longer than this: a transaction or a dead letter does not end. */
export const COMMANDS_STUCK_MS = 30_000;

/** A partition is stuck if its batch has met only contention for longer than this. */
export const CONTENTION_STUCK_MS = 10_000;

/**
 * A partition is stuck if a wanted subscription is missing for longer than this. Its commands wait in the queue
 * meanwhile.
 */
export const SUBSCRIPTION_STUCK_MS = 30_000;

const MS_PER_S = 1_000;

/** Describes each partition that makes no progress, one line each. */
export function stuckPartitions(partitions: readonly PartitionStatus[], now: Date): string[] {
  const seconds = (since: Date) => Math.floor((now.getTime() - since.getTime()) / MS_PER_S);
  const isLonger = (since: Date | null, limitMs: number): since is Date =>
    since !== null && now.getTime() - since.getTime() > limitMs;
  return partitions.flatMap(
    ({ partition, unpublished, obstacle, unpublishedSince, batchSince, contendedSince, notSubscribedSince }) => {
      if (obstacle !== null) return [`partition ${partition}: ${unpublished} events ${obstacle}`];
      if (isLonger(unpublishedSince, EVENTS_STUCK_MS))
        return [`partition ${partition}: ${unpublished} events wait, the oldest for ${seconds(unpublishedSince)} s`];
      if (isLonger(contendedSince, CONTENTION_STUCK_MS))
        return [`partition ${partition}: other transactions hold its rows for ${seconds(contendedSince)} s`];
      if (isLonger(batchSince, COMMANDS_STUCK_MS))
        return [`partition ${partition}: batch in progress for ${seconds(batchSince)} s`];
      if (isLonger(notSubscribedSince, SUBSCRIPTION_STUCK_MS))
        return [`partition ${partition}: no subscription for ${seconds(notSubscribedSince)} s`];
      return [];
    },
  );
}
