import type { TopLevelSpec } from 'vega-lite';
import { linePlot } from '../reporting/plot.js';
import { namedSettings } from '../running/given-settings.js';
import { bytesPerMessage, bytesPerRow, type Disk } from './disk.js';
import type { LoadSize } from './loading/loaded-chats.js';
import { type Machine, machineLine } from './machine.js';
import type { ReadFigures } from './read-cost.js';
import { markdownTable, median, spreadOf } from './report-files.js';
import type { SendFigures } from './send-cost.js';

/** The goals. */
const HISTORY_P99_MS = 10;
const HISTORY_BUFFERS = 60;
/** How many more pages a query may touch in the larger store: one more level of an index. */
const SAME_BUFFERS = 5;
const SEND_RATIO = 1.15;
const MESSAGE_BYTES = 700;

export interface GrowthResult {
  at: string;
  machine: Machine;
  /** Settings of PostgreSQL that differ from the defaults. */
  settings: Readonly<Record<string, string>>;
  small: LoadSize;
  large: LoadSize;
  grown: LoadSize;
  disk: { small: Disk[]; large: Disk[]; grown: Disk[] };
  reads: ReadFigures[];
  sends: SendFigures;
}

export interface Goal {
  goal: string;
  came: string;
  met: boolean;
}

const allOf = (round: { postgres: number; worker: number }) => round.postgres + round.worker;

/** The ratio of the large store's cost to the small one's, by round. */
function sendRatios({ stores: [small = [], large = []] }: SendFigures): number[] {
  return large.flatMap((round, n) => {
    const other = small[n];
    return other === undefined ? [] : [allOf(round) / allOf(other)];
  });
}

const faultsOf = ({ sends }: GrowthResult) => sends.stores.flatMap((rounds) => rounds.flatMap(({ faults }) => faults));

export function growthGoals(result: GrowthResult): Goal[] {
  const history = result.reads.filter(({ isHistory }) => isHistory);
  const worst = (store: number, of: (figures: ReadFigures['stores'][number]) => number) =>
    Math.max(...history.map(({ stores }) => (stores[store] === undefined ? Number.NaN : of(stores[store]))));
  const p99 = worst(1, (figures) => figures.p99);
  const buffers = worst(1, (figures) => figures.buffersMax);
  const before = worst(0, (figures) => figures.buffersMax);
  const ratio = median(sendRatios(result.sends));
  const bytes = bytesPerMessage(result.disk.grown);
  const faults = faultsOf(result);
  return [
    {
      goal: `a page of history at any depth: p99 ≤ ${HISTORY_P99_MS} ms`,
      came: `${p99.toFixed(1)} ms`,
      met: p99 <= HISTORY_P99_MS,
    },
    { goal: `… touches ≤ ${HISTORY_BUFFERS} pages`, came: `${buffers}`, met: buffers <= HISTORY_BUFFERS },
    {
      goal: `… and the same in the smaller store (± ${SAME_BUFFERS})`,
      came: `${before} and ${buffers}`,
      met: Math.abs(buffers - before) <= SAME_BUFFERS,
    },
    {
      goal: `a send costs ≤ ${SEND_RATIO} of what it does in the smaller store`,
      came: ratio.toFixed(2),
      met: ratio <= SEND_RATIO,
    },
    {
      goal: `a message of ${result.grown.bodyBytes} bytes, its event and all their indexes: ≤ ${MESSAGE_BYTES} bytes`,
      came: `${bytes.toFixed(0)}`,
      met: bytes <= MESSAGE_BYTES,
    },
    {
      goal: 'the ledger of every round is closed',
      came: faults.length === 0 ? 'closed' : faults.join('; '),
      met: faults.length === 0,
    },
  ];
}

export function growthMarkdown(result: GrowthResult): string {
  const { small, large, grown, reads, sends, disk } = result;
  const sizes = [small, large].map(({ messages }) => messages.toLocaleString('en'));
  const ms = (value = 0) => value.toFixed(1);
  const readRows = reads.map(({ name, stores }) => [
    name,
    ...stores.flatMap(({ p50, p99, buffersMedian, buffersMax }) => [
      `${ms(p50)} / ${ms(p99)}`,
      `${buffersMedian} / ${buffersMax}`,
    ]),
    `${stores[0]?.statements ?? 0}`,
  ]);
  const sendRow = (label: string, of: (round: SendFigures['stores'][number][number]) => number) => [
    label,
    ...sends.stores.map((rounds) => spreadOf(rounds.map(of), 0)),
  ];
  const settings = namedSettings(result.settings);
  const diskRows = disk.grown.map((one) => [
    one.index ?? `**${one.table}**`,
    ...[disk.grown, disk.small, disk.large].map((of) => {
      const same = of.find(({ table, index }) => table === one.table && index === one.index);
      return same === undefined ? '–' : bytesPerRow(same).toFixed(0);
    }),
  ]);
  return [
    `# Growth: ${sizes.join(' and ')} messages`,
    `${result.at}. ${machineLine(result.machine)}`,
    `PostgreSQL with the settings of \`npm start\`${settings === null ? '' : `, except ${settings}`}. ` +
      `${large.chats.toLocaleString('en')} chats in both stores, picked by Zipf 1.0.`,
    markdownTable([
      ['goal', 'result', ''],
      ...growthGoals(result).map(({ goal, came, met }) => [goal, came, met ? 'met' : '**missed**']),
    ]),
    '## Queries',
    'Through the adapters, in turns on both stores. Milliseconds p50 / p99; pages of 8 KiB touched by all statements ' +
      'of one call, median / maximum, with the worse of both plans.',
    markdownTable([['query', `${sizes[0]}: ms`, 'pages', `${sizes[1]}: ms`, 'pages', 'statements'], ...readRows]),
    '## A send',
    'Real workers, in turns; microseconds of processor time per command, medians over the rounds (lowest–highest).',
    markdownTable([
      ['', ...sizes],
      sendRow('PostgreSQL', ({ postgres }) => postgres),
      sendRow('worker', ({ worker }) => worker),
      sendRow('commands per second', ({ perSecond }) => perSecond),
      sendRow('write-ahead log per command, bytes', ({ wal }) => wal),
      ['both together, larger ÷ smaller, each round', '', spreadOf(sendRatios(sends), 2)],
    ]),
    '## Disk',
    `Bytes per row, before any send. "Grown": ${grown.messages.toLocaleString('en')} messages whose key indexes grew ` +
      'with the rows, as in use; the indexes of the others were built at once, which makes them denser. (The full-text ' +
      'index is built at once in all three.) The last line counts only the events of sent messages.',
    markdownTable([
      ['', 'grown', ...sizes],
      ...diskRows,
      [
        '**message and event, without search**',
        ...[disk.grown, disk.small, disk.large].map((of) => bytesPerMessage(of).toFixed(0)),
      ],
    ]),
  ].join('\n\n');
}

export function growthPlots({ small, large, reads, sends }: GrowthResult): Record<string, TopLevelSpec> {
  const sizes = [small.messages, large.messages];
  const x = { title: 'messages in the store', scale: 'log' as const };
  const perStore = (of: (figures: ReadFigures['stores'][number]) => number) =>
    reads.flatMap(({ name, stores }) =>
      stores.map((figures, store) => ({ series: name, x: sizes[store] ?? 0, y: of(figures) })),
    );
  const cost = (series: string, of: (round: SendFigures['stores'][number][number]) => number) =>
    sends.stores.map((rounds, store) => ({ series, x: sizes[store] ?? 0, y: median(rounds.map(of)) }));
  return {
    latency: linePlot({
      title: 'Queries, p50',
      x,
      y: { title: 'milliseconds', scale: 'log' },
      points: perStore(({ p50 }) => p50),
    }),
    pages: linePlot({
      title: 'Pages of 8 KiB touched by a query',
      x,
      y: { title: 'pages, median', scale: 'log' },
      points: perStore(({ buffersMedian }) => Math.max(1, buffersMedian)),
    }),
    send: linePlot({
      title: 'Processor time of a send',
      x,
      y: { title: 'microseconds', scale: 'linear' },
      points: [...cost('PostgreSQL', ({ postgres }) => postgres), ...cost('worker', ({ worker }) => worker)],
    }),
  };
}
