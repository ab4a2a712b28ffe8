import type { PartitionStatus } from './partition-consumer.js';

/** Events that wait for longer than this to be published, whatever the reason: the broker does not confirm, or publishing does not keep up. */
export const EVENTS_STUCK_MS = 30_000;
/** Commands that are worked on for longer than this: a transaction or a dead letter that does not come to its end. */
export const COMMANDS_STUCK_MS = 30_000;

/** Other transactions have been in the way of a partition's batch for longer than this. */
export const CONTENTION_STUCK_MS = 10_000;

/** A subscription that is wanted and cannot be had for longer than this: the commands wait in their queue meanwhile. */
export const SUBSCRIPTION_STUCK_MS = 30_000;

const MS_PER_S = 1_000;

/** What is wrong with each partition that does not get on, in words. */
export function stuckPartitions(partitions: readonly PartitionStatus[], now: Date): string[] {
  const seconds = (since: Date) => Math.floor((now.getTime() - since.getTime()) / MS_PER_S);
  const isLonger = (since: Date | null, limitMs: number): since is Date =>
    since !== null && now.getTime() - since.getTime() > limitMs;
  return partitions.flatMap(
    ({ partition, unpublished, obstacle, unpublishedSince, inHandSince, contendedSince, notSubscribedSince }) => {
      if (obstacle !== null) return [`partition ${partition}: ${unpublished} events ${obstacle}`];
      if (isLonger(unpublishedSince, EVENTS_STUCK_MS))
        return [`partition ${partition}: ${unpublished} events wait, the oldest for ${seconds(unpublishedSince)} s`];
      if (isLonger(contendedSince, CONTENTION_STUCK_MS))
        return [`partition ${partition}: other transactions hold its rows for ${seconds(contendedSince)} s`];
      if (isLonger(inHandSince, COMMANDS_STUCK_MS))
        return [`partition ${partition}: commands in hand for ${seconds(inHandSince)} s`];
      if (isLonger(notSubscribedSince, SUBSCRIPTION_STUCK_MS))
        return [`partition ${partition}: no subscription for ${seconds(notSubscribedSince)} s`];
      return [];
    },
  );
}
