/**
 * `npm run proof -- recovery [-- --runs N] [--only NAME] [--out FILE]`: how long it takes until things go on, beside
 * the goals. Tells every sample as it comes, ends with a table in Markdown, and exits 1 where a goal is missed or a run
 * has failed.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mochaGlobalSetup, runProof } from '../../support/hooks.js';
import { dispatchOutage } from './dispatch-outage.js';
import { Figures, type Measure, MS_PER_S, type Take } from './figure.js';
import { brokerBack, databaseBack, frozenWorker, killedWorker } from './outages.js';

const DEFAULT_RUNS = 20;
const NAMES = ['killed', 'database', 'broker', 'frozen', 'dispatch'] as const;
type Name = (typeof NAMES)[number];

const HELP = `Usage: npm run proof -- recovery [-- --runs N] [--only NAME]... [--out FILE]
  --runs N      of each (default: ${DEFAULT_RUNS}; more than an hour for all of them)
  --only NAME   only this one: ${NAMES.join(', ')}
  --out FILE    keeps the samples there, as JSON, after each run; default: a line of JSON at the end
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: String(DEFAULT_RUNS) },
    only: { type: 'string', multiple: true, default: [] },
    out: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const runs = Number(values.runs);
const unknown = values.only.filter((name) => !NAMES.includes(name as Name));

const measurements: Record<Name, (take: Take, failed: (error: unknown) => void) => Promise<void>> = {
  killed: (take) => killedWorker(runs, take),
  database: (take) => databaseBack(runs, take),
  broker: (take) => brokerBack(runs, take),
  frozen: (take) => frozenWorker(runs, take),
  async dispatch(take, failed) {
    for (let run = 0; run < runs; run += 1) await dispatchOutage(take).catch(failed);
  },
};

async function measureAll(): Promise<number> {
  mochaGlobalSetup();
  const figures = new Figures();
  const began = performance.now();
  let failures = 0;
  const take = (measure: Measure, sample: number) => {
    figures.take(measure, sample);
    const minutes = (performance.now() - began) / MS_PER_S / 60;
    const { name, unit } = measure;
    console.error(`${minutes.toFixed(1)} min  ${name} ${figures.count(measure)}/${runs}: ${sample.toFixed(2)} ${unit}`);
    if (values.out !== undefined) writeFileSync(values.out, `${figures.json}\n`);
  };
  for (const name of NAMES) {
    if (values.only.length > 0 && !values.only.includes(name)) continue;
    const failed = (error: unknown) => {
      failures += 1;
      console.error(`${name}: FAILED: ${(error as Error).message}`);
    };
    await measurements[name](take, failed).catch(failed);
  }
  console.log(figures.table);
  if (values.out === undefined) console.log(figures.json);
  if (failures > 0) console.error(`${failures} failed`);
  return failures + figures.missed.length;
}

if (values.help || !Number.isInteger(runs) || runs < 1 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`nothing is named ${unknown.join(', ')}`);
  process.stdout.write(HELP);
  if (!values.help) process.exitCode = 1;
} else {
  await runProof(async () => Math.min(1, await measureAll()));
}
