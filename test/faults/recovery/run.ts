/** `npm run proof:recovery [-- --runs 20] [--only NAME]`: how long it takes until things go on, beside the goals. Exits 1 where one is missed. */
import { parseArgs } from 'node:util';
import { mochaGlobalSetup, mochaGlobalTeardown } from '../../support/hooks.js';
import { dispatchOutage } from './dispatch-outage.js';
import { type Figure, median, worst } from './figure.js';
import { brokerBack, databaseBack, frozenWorker, killedWorker } from './outages.js';

const HELP = `Usage: npm run proof:recovery [-- --runs N] [--long-runs N] [--only NAME]...
  --runs N        of each outage (default: 20)
  --long-runs N   of the frozen worker (default: 3)
  --only NAME     broker, database, killed, frozen, dispatch
`;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    'long-runs': { type: 'string', default: '3' },
    only: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
});
const [runs, longRuns] = [Number(values.runs), Number(values['long-runs'])];

const measurements: Record<string, () => Promise<Figure[]>> = {
  killed: () => killedWorker(runs),
  database: () => databaseBack(runs),
  broker: () => brokerBack(runs),
  frozen: () => frozenWorker(longRuns),
  dispatch: () => dispatchOutage(1),
};

function row({ what, unit, goal, samples }: Figure): string {
  const cells = [median(samples).toFixed(2), worst(samples).toFixed(2), `< ${goal}`];
  const outcome = worst(samples) < goal ? 'met' : 'MISSED';
  return `| ${what} | ${samples.length} | ${cells.map((cell) => `${cell} ${unit}`).join(' | ')} | ${outcome} |`;
}

async function measure(): Promise<number> {
  mochaGlobalSetup();
  const figures: Figure[] = [];
  let failed = 0;
  for (const [name, of] of Object.entries(measurements)) {
    if (values.only.length > 0 && !values.only.includes(name)) continue;
    try {
      figures.push(...(await of()));
    } catch (error) {
      failed += 1;
      console.error(`${name}: ${(error as Error).message}`);
    }
  }
  console.log('| | runs | median | worst | goal | |\n| --- | --- | --- | --- | --- | --- |');
  for (const figure of figures) console.log(row(figure));
  console.log(JSON.stringify(figures));
  return failed + figures.filter(({ goal, samples }) => worst(samples) >= goal).length;
}

if (values.help || ![runs, longRuns].every((count) => Number.isInteger(count) && count > 0)) {
  process.stdout.write(HELP);
  if (!values.help) process.exitCode = 1;
} else {
  process.exitCode = Math.min(1, await measure());
  mochaGlobalTeardown();
}
