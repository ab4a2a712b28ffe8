/** `npm run bench -- realtime`: the figures of gateways, with `ws` alone as the ceiling and socket.io as the peer. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProof } from '../test/support/hooks.js';
import { idleAndStorm, latency, type Row, rollingRestart, type Sizes, throughput } from './realtime/phases.js';
import { linePlot, writePlot } from './reporting/plot.js';
import { markdownTable } from './reporting/report.js';

const PHASES = ['idle', 'throughput', 'latency', 'rolling'] as const;
const HELP = `Measures gateways on private services. Every process shares the processors, the load driver too.

  npm run bench -- realtime [-- options]

  --only PHASES    ${PHASES.join(',')} (default: all)
  --idle N         idle connections, which then reconnect at once (default: 10000)
  --members N      members of the chat of the throughput, at most 1000 (default: 1000)
  --messages N     messages of a round (default: 300)
  --rounds N       rounds in turns with ws and socket.io (default: 5)
  --rate N         commands per second of the latency (default: 300)
  --seconds N      duration of the latency (default: 60)
  --rolling N      clients during a rolling restart of two gateways (default: 2000)
  --out FOLDER     for the plot (default: bench/reports)
  --quick          small sizes, to try it
  --help
`;
const FULL: Sizes = { idle: 10_000, members: 1_000, messages: 300, rounds: 5, rate: 300, seconds: 60, rolling: 2_000 };
const QUICK: Sizes = { idle: 300, members: 100, messages: 50, rounds: 2, rate: 50, seconds: 5, rolling: 100 };

const { values } = parseArgs({
  options: {
    ...{
      only: { type: 'string' },
      idle: { type: 'string' },
      members: { type: 'string' },
      messages: { type: 'string' },
    },
    ...{
      rounds: { type: 'string' },
      rate: { type: 'string' },
      seconds: { type: 'string' },
      rolling: { type: 'string' },
    },
    out: { type: 'string', default: join('bench', 'reports') },
    ...{ quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  },
});

function sizes(): Sizes {
  const base = values.quick ? QUICK : FULL;
  const given = (Object.keys(base) as (keyof Sizes)[]).map((name) => [name, Number(values[name] ?? base[name])]);
  return Object.fromEntries(given) as unknown as Sizes;
}

await runProof(async () => {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const size = sizes();
  const only = values.only?.split(',') ?? PHASES;
  const rows: Row[] = [];
  const run = async (phase: (typeof PHASES)[number], work: () => Promise<Row[]>) => {
    if (!only.includes(phase)) return;
    console.error(`${phase} …`);
    rows.push(...(await work()));
  };
  await run('idle', () => idleAndStorm(size));
  await run('throughput', () => throughput(size));
  await run('latency', () => latency(size));
  await run('rolling', async () => {
    const { rows: told, points } = await rollingRestart(size);
    mkdirSync(values.out, { recursive: true });
    const file = join(values.out, 'realtime-rolling-restart.svg');
    await writePlot(
      file,
      linePlot({
        title: 'Rolling restart of two gateways',
        subtitle: `${size.rolling} clients`,
        ...{ x: { title: 'seconds' }, y: { title: 'clients' }, points },
      }),
    );
    console.error(`plot: ${file}`);
    return told;
  });
  console.log(
    markdownTable([['figure', 'measured', 'goal'], ...rows.map(({ name, value, goal }) => [name, value, goal])]),
  );
  return 0;
});
