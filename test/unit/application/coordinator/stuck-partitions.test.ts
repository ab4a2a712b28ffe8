import { expect } from 'chai';
import type { PartitionStatus } from '../../../../src/application/processing/partition-consumer.js';
import {
  COMMANDS_STUCK_MS,
  CONTENTION_STUCK_MS,
  EVENTS_STUCK_MS,
  SUBSCRIPTION_STUCK_MS,
  stuckPartitions,
} from '../../../../src/application/processing/stuck-partitions.js';

const now = new Date('2026-11-20T20:15:00.000Z');
const ago = (ms: number) => new Date(now.getTime() - ms);

function status(over: Partial<PartitionStatus>): PartitionStatus {
  const well = { partition: 3, epoch: 1, isSubscribed: true, unpublished: 0, unpublishedSince: null };
  return { ...well, obstacle: null, batchSince: null, contendedSince: null, notSubscribedSince: null, ...over };
}

describe('A partition is reported as stuck', () => {
  const words = (over: Partial<PartitionStatus>) => stuckPartitions([status(over)], now);

  it('not while it makes progress, under any load', () => {
    expect(words({})).to.deep.equal([]);
    expect(words({ unpublished: 100_000, unpublishedSince: ago(EVENTS_STUCK_MS) })).to.deep.equal([]);
    expect(words({ batchSince: ago(COMMANDS_STUCK_MS) })).to.deep.equal([]);
    expect(words({ unpublished: 1, unpublishedSince: ago(-5_000) })).to.deep.equal([]);
  });

  it('if publishing fails, or if events wait too long', () => {
    expect(words({ unpublished: 7, obstacle: 'refused' })).to.deep.equal(['partition 3: 7 events refused']);
    expect(words({ unpublished: 7, unpublishedSince: ago(EVENTS_STUCK_MS + 1_000) })).to.deep.equal([
      'partition 3: 7 events wait, the oldest for 31 s',
    ]);
  });

  it('if its batch takes too long', () => {
    expect(words({ batchSince: ago(COMMANDS_STUCK_MS + 2_000) })).to.deep.equal([
      'partition 3: batch in progress for 32 s',
    ]);
  });

  it('if other transactions block it for more than 10 s', () => {
    expect(words({ contendedSince: ago(CONTENTION_STUCK_MS) })).to.deep.equal([]);
    expect(words({ batchSince: ago(12_000), contendedSince: ago(CONTENTION_STUCK_MS + 1_000) })).to.deep.equal([
      'partition 3: other transactions hold its rows for 11 s',
    ]);
  });

  it('if it cannot be subscribed to', () => {
    expect(words({ isSubscribed: false, notSubscribedSince: ago(SUBSCRIPTION_STUCK_MS) })).to.deep.equal([]);
    expect(words({ isSubscribed: false, notSubscribedSince: ago(SUBSCRIPTION_STUCK_MS + 3_000) })).to.deep.equal([
      'partition 3: no subscription for 33 s',
    ]);
  });
});
