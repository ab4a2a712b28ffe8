/** `npm run bench -- realtime`: the figures of gateways, with `ws` alone as the ceiling and socket.io as the peer. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProof } from '../test/support/hooks.js';
import type { Measured, Sizes } from './realtime/figures.js';
import { idleAndStorm } from './realtime/idle.js';
import { latency } from './realtime/latency.js';
import { PHASES, type Phase, RealtimeReport } from './realtime/realtime-report.js';
import { rollingRestart } from './realtime/rolling.js';
import { throughput } from './realtime/throughput.js';

const HELP = `Measures gateways on private services, and writes a report. Every process shares the processors, the load driver too.

  npm run bench -- realtime [-- options]

  --only PHASES    ${PHASES.join(',')} (default: all)
  --idle N         idle connections, which then reconnect at once (default: 10000)
  --members N      members of the chat of the throughput, at most 1000 (default: 1000)
  --messages N     messages of a round (default: 300)
  --rounds N       rounds in turns with ws and socket.io (default: 5)
  --rate N         commands per second of the latency (default: 300)
  --seconds N      duration of the latency (default: 60)
  --rolling N      clients during a rolling restart of two gateways (default: 2000)
  --out FOLDER     for the report (default: bench/reports)
  --report NAME    adds the phases to this report, such as realtime-20261129T2010-0123456789
  --quick          small sizes, to try it
  --help
`;
const FULL: Sizes = { idle: 10_000, members: 1_000, messages: 300, rounds: 5, rate: 300, seconds: 60, rolling: 2_000 };
const QUICK: Sizes = { idle: 300, members: 100, messages: 50, rounds: 2, rate: 50, seconds: 5, rolling: 100 };

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: {
    ...{
      only: text,
      idle: text,
      members: text,
      messages: text,
      rounds: text,
      rate: text,
      seconds: text,
      rolling: text,
    },
    ...{ out: { ...text, default: join('bench', 'reports') }, report: text },
    ...{ quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  },
});

const phases: { [P in Phase]: (sizes: Sizes) => Promise<Measured> } = {
  ...{ idle: idleAndStorm, throughput, latency, rolling: rollingRestart },
};

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
  const only = values.only?.split(',') ?? PHASES;
  const unknown = only.filter((phase) => !PHASES.includes(phase as Phase));
  if (unknown.length > 0) {
    process.stderr.write(`there is no phase ${unknown.join(', ')}\n${HELP}`);
    return 1;
  }
  const report = new RealtimeReport(values.out, values.report);
  let missed = 0;
  for (const phase of PHASES.filter((one) => only.includes(one))) {
    console.error(`${phase} …`);
    const [at, size] = [new Date(), sizes()];
    const measured = await phases[phase](size);
    missed += measured.figures.filter(({ isMet }) => isMet === false).length;
    for (const { name, value, goal } of measured.figures) console.log(`${name}: ${value}${goal && ` (goal: ${goal})`}`);
    console.error(await report.add(phase, at, measured));
  }
  if (missed > 0) console.error(`${missed} goals missed`);
  return 0;
});
