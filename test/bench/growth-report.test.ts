import { expect } from 'chai';
import { ledgerFaults, quantile, type TrafficLedger } from '../../bench/growth/chat-traffic.js';
import { type GrowthResult, growthGoals, growthMarkdown, growthPlots } from '../../bench/growth/growth-report.js';
import { drawPlot } from '../../bench/reporting/plot.js';

const closed: TrafficLedger = {
  ...{ attempted: 10, accepted: 10, rejected: 0, unanswered: 0 },
  ...{ dispatched: 10, repeated: 3, gaps: 0, undispatched: 0 },
};

describe('The ledger of the growth bench', () => {
  it('is closed if each command was stored and dispatched; repeats are allowed', () => {
    expect(ledgerFaults(closed, 10)).to.deep.equal([]);
  });

  for (const [what, over, stored] of [
    ['a command that was not answered', { accepted: 9, unanswered: 1 }, 10],
    ['a command that was refused', { accepted: 9, rejected: 1 }, 10],
    ['a command that was answered and not stored', {}, 9],
    ['a command that was stored twice', {}, 11],
    ['an event that did not come', { dispatched: 9, undispatched: 1 }, 10],
    ['a number that was left out', { gaps: 1 }, 10],
  ] as const)
    it(`is not closed by ${what}`, () => {
      expect(ledgerFaults({ ...closed, ...over }, stored)).to.not.be.empty;
    });
});

const size = (messages: number) => ({
  messages,
  chats: 10,
  partitions: 8,
  bodyBytes: 200,
  seed: 1,
  until: new Date(0),
});

/** One of which every goal is met. */
function result(
  over: { p99?: number; buffers?: number; cost?: number; bytes?: number; faults?: string[] } = {},
): GrowthResult {
  const { p99 = 5, buffers = 55, cost = 100, bytes = 600, faults = [] } = over;
  const store = { samples: 1, p50: 1, p99: 5, statements: 1, buffersMedian: 50, buffersMax: 54 };
  const round = { postgres: 100, worker: 100, perSecond: 1_000, wal: 1, faults: [] };
  const disk = (total: number) => [{ table: 'messages', index: null, bytes: total * 10, rows: 10, share: 1 }];
  return {
    at: '2026-11-25T22:00:00.000Z',
    settings: {},
    machine: {
      ...{ cpu: 'x', cores: 2, memoryGib: 1, kernel: 'k', node: '20', postgres: '18', rabbitmq: '3' },
      ...{ commit: 'c', loadBefore: 0, loadAfter: 0 },
    },
    ...{ small: size(1_000_000), large: size(10_000_000), grown: size(500_000) },
    disk: { small: disk(600), large: disk(600), grown: disk(bytes) },
    reads: [{ name: 'a page', isHistory: true, stores: [store, { ...store, p99, buffersMax: buffers }] }],
    sends: { stores: [[round], [{ ...round, postgres: cost, faults }]] },
  };
}

describe('The report of the growth bench', () => {
  const missed = (given: GrowthResult) => growthGoals(given).flatMap(({ goal, met }) => (met ? [] : [goal]));

  it('reports met goals', () => {
    expect(missed(result())).to.deep.equal([]);
  });

  for (const [what, given, goal] of [
    ['a slow page', { p99: 11 }, /p99/],
    ['a page that touches too much', { buffers: 61 }, /touches ≤ 60/],
    ['a page that touches more where there is more', { buffers: 60 }, /the same in the smaller store/],
    ['a send that costs more where there is more', { cost: 140 }, /a send costs/],
    ['a message that takes too much room', { bytes: 701 }, /700 bytes/],
    ['a ledger that is not closed', { faults: ['one is missing'] }, /ledger/],
  ] as const)
    it(`reports a missed goal: ${what}`, () => {
      const goals = missed(result({ ...given, faults: 'faults' in given ? [...given.faults] : [] }));
      expect(goals.some((one) => goal.test(one))).to.equal(true);
      expect(growthMarkdown(result({ ...given, faults: 'faults' in given ? [...given.faults] : [] }))).to.include(
        '**missed**',
      );
    });

  it('has plots', async () => {
    for (const plot of Object.values(growthPlots(result()))) expect(await drawPlot(plot)).to.match(/^<svg/);
  });

  it('computes quantiles, and 0 without values', () => {
    expect(quantile([3, 1, 2], 0.5)).to.equal(2);
    expect(quantile([3, 1, 2], 1)).to.equal(3);
    expect(quantile([], 0.5)).to.equal(0);
  });
});
