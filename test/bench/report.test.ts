import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isClosed } from '../../bench/measuring/closed.js';
import { flameGraph, frames } from '../../bench/measuring/flame-graph.js';
import { median, percentileCurve, quantilesOf } from '../../bench/measuring/quantiles.js';
import type { Figures } from '../../bench/measuring/station.js';
import { readOptions } from '../../bench/options.js';
import type { BenchResult } from '../../bench/reporting/bench-result.js';
import { goalsOf, isMet, meetsMilestone } from '../../bench/reporting/goals.js';
import { writeReport } from '../../bench/reporting/report-files.js';

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

function figures(dispatchedPerSecond: number, cpu = 100): Figures {
  return {
    ...{
      commands: 10,
      kinds: { 'message.send': 10 },
      storedPerSecond: 1,
      dispatchedPerSecond,
      batch: null,
      loopDelayMs: null,
      search: { lag: { events: 5, seconds: 0.5 }, caughtUpSeconds: 1 },
      faults: [],
    },
    latencyMs: quantilesOf(upTo(1_000)),
    latencyCurve: percentileCurve(upTo(1_000).map((value) => value + 1)),
    cpu: { service: cpu, postgres: cpu, rabbitmq: cpu, driver: 7 },
    ledger: {
      ...{ attempted: 10, receipted: 10, stored: 10, published: 10, dispatched: 10 },
      ...{ lost: 0, duplicated: 0, reordered: 0, gaps: 0, unexpected: 0 },
    },
  };
}

function resultOf(more: Partial<BenchResult>): BenchResult {
  const options = readOptions([]);
  if (options === null) throw new Error('help was not asked for');
  return {
    ...{ startedAt: '2026-11-25T21:00:00.000Z', finishedAt: '2026-11-25T21:30:00.000Z', commit: 'abc+' },
    machine: {
      ...{ cpu: 'a processor', cores: 2, memoryGib: 8, kernel: 'Linux 6', loadBefore: 0 },
      ...{ node: '20', postgres: '18', rabbitmq: '3.10' },
    },
    options: { ...options, only: [...options.only] },
    ...{ lanes: [], peer: null, rates: [], backlog: [], readers: [], disk: null, verified: null, brokenOff: null },
    ...more,
  };
}

describe("the bench's report", () => {
  const lanes = (parley: number[], ceiling: number[]): BenchResult['lanes'] => [
    { workload: 'W1', subject: 'Parley', rounds: parley.map((rate) => figures(rate)) },
    { workload: 'W1', subject: 'ceiling', rounds: ceiling.map((rate) => figures(rate)) },
  ];
  const ofCeiling = (result: BenchResult) => goalsOf(result)[0];

  it('uses the median of the ratios of each round, not the ratio of the medians', () => {
    const goal = ofCeiling(resultOf({ lanes: lanes([100, 300, 900], [200, 400, 1_000]) }));
    expect(goal?.values).to.deep.equal([0.5, 0.75, 0.9]);
    expect(median(goal?.values ?? [])).to.equal(0.75);
  });

  it('reports each goal as met, missed or not measured', () => {
    const met = (parley: number[]) => isMet(ofCeiling(resultOf({ lanes: lanes(parley, [100]) })) as never);
    expect([met([85]), met([84]), met([])]).to.deep.equal([true, false, null]);
    const milestone = (parley: number[]) =>
      meetsMilestone(ofCeiling(resultOf({ lanes: lanes(parley, [100]) })) as never);
    expect([milestone([75]), milestone([74]), milestone([])]).to.deep.equal([true, false, null]);
    const disk = {
      ...{ messages: 1, messageRows: 400, eventRows: 301, searchIndex: 0 },
      receipts: 0,
      decisions: 0,
      parts: [],
      missing: [],
    };
    expect(goalsOf(resultOf({ disk })).map(isMet)).to.deep.equal([...new Array(18).fill(null), false, true]);
  });

  it('is void if a ledger is not closed or a read has failed', () => {
    const [lane] = lanes([1], []);
    if (lane === undefined) throw new Error('no lane');
    expect(isClosed(resultOf({ lanes: [lane] }))).to.equal(true);
    const torn = { ...figures(1), faults: ['1 out of order'] };
    const read = {
      share: 0.8,
      perSecond: 1,
      figures: figures(1),
      reads: {} as never,
      cpuMsPerRead: 1,
      answered: { ok: 1, unavailable: 1, failed: 1 },
    };
    for (const more of [
      { lanes: [{ ...lane, rounds: [torn] }] },
      { rates: [{ label: '1/s', subject: 'Parley', rounds: [{ perSecond: 1, figures: torn }] }] },
      { backlog: [torn] },
      { readers: [{ ...read, answered: { ok: 1, unavailable: 1, failed: 0 }, figures: torn }] },
      { readers: [read] },
      { verified: { rows: 1, faults: ['a fault'] } },
      { peer: { title: 'a peer', rounds: [{ ...torn, cpu: { service: 1, postgres: 1, driver: 1 } }] } },
      { brokenOff: 'interrupted' },
    ])
      expect(isClosed(resultOf(more)), JSON.stringify(Object.keys(more))).to.equal(false);
  });

  it('is written as JSON and as Markdown with SVG plots', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-report-'));
    try {
      const rates = [{ label: '1750/s', subject: 'Parley', rounds: [{ perSecond: 1_750, figures: figures(1_750) }] }];
      await writeReport(folder, resultOf({ lanes: lanes([80, 90], [100, 100]), rates }));
      const name = '2026-11-25T210000Z-abc-changed';
      expect(readdirSync(folder).toSorted()).to.deep.equal([
        ...[`${name}-cpu.svg`, `${name}-latency.svg`, `${name}-throughput.svg`, `${name}.json`, `${name}.md`],
      ]);
      const text = readFileSync(join(folder, `${name}.md`), 'utf8');
      expect(text).to.include('| ≥ 0.75 | ≥ 0.85 | 0.85 (0.80–0.90) | met |');
      for (const plot of ['cpu', 'latency', 'throughput']) {
        expect(text).to.include(`(${name}-${plot}.svg)`);
        expect(readFileSync(join(folder, `${name}-${plot}.svg`), 'utf8')).to.match(/^<svg [\s\S]*<\/svg>\s*$/);
      }
      const { goals } = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
      expect(goals[0]).to.include({ met: true, bound: 0.85, milestone: 0.75 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('computes quantiles from the smallest value, and ends its curve where too few values are left', () => {
    expect(quantilesOf(upTo(1_000))).to.deep.equal({ count: 1_000, p50: 500, p90: 900, p99: 990, p999: 999, max: 999 });
    expect(quantilesOf([])).to.include({ count: 0, p50: 0, max: 0 });
    expect(percentileCurve(upTo(100)).at(-1)).to.deep.equal({ share: 0.99, value: 99 });
  });

  it('refuses unknown arguments in one line', () => {
    expect(() => readOptions(['--only', 'W9'])).to.throw('--only knows W1, W2, W3, W4, W5, W6, W7; not W9');
    expect(() => readOptions(['--rounds', '0'])).to.throw('--rounds must be a whole number above 0');
    expect(readOptions(['--help'])).to.equal(null);
    expect(readOptions(['--quick', '--messages', '77'])).to.include({ rounds: 3, messages: 77 });
  });
});

describe('a flame graph', () => {
  const call = (functionName: string, url = '') => ({ functionName, url, lineNumber: 0 });
  const profile = {
    nodes: [
      { id: 1, callFrame: call('(root)'), children: [2, 3, 5] },
      { id: 2, callFrame: call('(idle)') },
      { id: 3, callFrame: call('serve', 'file:///somewhere/parley/dist/src/a<b.js'), children: [4] },
      { id: 4, callFrame: call('query', 'file:///somewhere/parley/node_modules/pg/lib.js') },
      { id: 5, callFrame: call('serve', 'file:///somewhere/parley/dist/src/a<b.js') },
    ],
    samples: [2, 3, 4, 4, 5],
    timeDeltas: [1_000, 10, 20, 30, 40],
  };

  it('adds up the time of a function and its callees, without waiting', () => {
    const root = frames(profile);
    expect(root.total).to.equal(100);
    expect(root.children).to.deep.equal([
      {
        ...{ name: 'serve', where: 'src/a<b.js', total: 100 },
        children: [{ name: 'query', where: 'pg/lib.js', total: 50, children: [] }],
      },
    ]);
  });

  it('is drawn with proportional widths, without paths of the machine', () => {
    const svg = flameGraph(frames(profile));
    expect(svg).to.include('<title>query pg/lib.js: 50.0 %</title><rect x="0.0" y="74" width="600.0"');
    expect(svg).to.include('serve src/a&lt;b.js: 100.0 %');
    expect(svg).not.to.include('somewhere');
  });
});
