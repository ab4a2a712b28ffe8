/**
 * `npm run proof -- gateway-kills [--kills 20] [--clients 200] [--rate 50] [--seed S]`: gateways are killed under load,
 * with the ledgers of clients. `--planted` plays it on gateways that resume at the present, which must be noticed.
 */
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { mochaGlobalSetup, runProof } from '../../../support/hooks.js';
import { playKills } from './play-kills.js';

const HELP = `Usage: npm run proof -- gateway-kills [--kills N] [--clients N] [--gateways N] [--rate N] [--seed S] [--planted]
  --kills N     how many gateways are killed with SIGKILL, one after the other (default: 20)
  --clients N   clients of the library, in groups of ten (default: 200)
  --gateways N  gateways at a time (default: 2)
  --rate N      commands per second of all clients together (default: 50)
  --seed S      (default: drawn; it is printed)
  --planted     on gateways that resume every client at the present; fails if that is not noticed
`;
const SEEDS = 1_000_000;
const MS_PER_S = 1_000;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    clients: { type: 'string', default: '200' },
    gateways: { type: 'string', default: '2' },
    rate: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * SEEDS)) },
    planted: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

await runProof(async () => {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  mochaGlobalSetup();
  const [kills, clients, gateways, rate, seed] = [
    ...[values.kills, values.clients, values.gateways, values.rate, values.seed].map(Number),
  ] as [number, number, number, number, number];
  console.log(`seed ${seed}`);
  const bar = new SingleBar({ format: 'gateways killed {bar} {value}/{total}', hideCursor: true });
  if (process.stderr.isTTY) bar.start(kills, 0);
  const begun = performance.now();
  const outcome = await playKills({
    ...{ kills, clients, gateways, rate, seed, onKill: (done) => bar.update(done) },
    ...(values.planted ? { plant: 'forgotten-resume' } : {}),
  });
  bar.stop();
  const { commands, events, reconnects, missed, doubled, wrong, longestAbsenceMs, findings } = outcome;
  const seconds = ((performance.now() - begun) / MS_PER_S).toFixed(0);
  console.log(`${outcome.kills} gateways killed in ${seconds} s, ${clients} clients, ${reconnects} reconnects`);
  console.log(`longest time without a live connection: ${(longestAbsenceMs / MS_PER_S).toFixed(1)} s`);
  console.log(`${commands} commands, ${events} events in ${clients} ledgers`);
  console.log(`${missed} missed, ${doubled} doubled, ${wrong} wrong`);
  for (const finding of findings) console.log(`  FOUND: ${finding}`);
  if (values.planted) console.log(findings.length > 0 ? 'the bug was noticed' : 'the bug was NOT NOTICED');
  return (findings.length === 0) === values.planted ? 1 : 0;
});
