/**
 * `npm run proof -- realtime [--stories 20] [--seed S] [--acts 200]`: random stories on real gateways, one after the
 * other. `--planted` plays them on gateways with a bug, each of which must be noticed.
 */
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { mochaGlobalSetup, runProof } from '../../support/hooks.js';
import { PLANTS, type Plant } from './plants.js';
import { FAULTS, playStory, type StoryOutcome } from './story.js';

const HELP = `Usage: npm run proof -- realtime [--stories N] [--seed S] [--acts N] [--planted] [--plant NAME]
  --stories N   how many (default: 20); with --planted: at most so many for each bug
  --acts N      acts of each (default: 200)
  --seed S      of the first one (default: drawn; it is printed). The next one has S + 1
  --planted     gateways with bugs, one at a time; fails if one is not noticed
  --plant NAME  only this bug: ${PLANTS.join(', ')}
`;
const SEEDS = 1_000_000;
const MS_PER_S = 1_000;
const USERS = 8;
const GATEWAYS = 3;
const ACTS_PER_FAULT = 8;

const { values } = parseArgs({
  options: {
    stories: { type: 'string', default: '20' },
    acts: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * SEEDS)) },
    planted: { type: 'boolean', default: false },
    plant: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const [stories, acts, firstSeed] = [Number(values.stories), Number(values.acts), Number(values.seed)];

async function play(seed: number, plant?: Plant): Promise<StoryOutcome> {
  const bar = new SingleBar({ format: `seed ${seed} {bar} {value}/{total} acts`, hideCursor: true });
  if (process.stderr.isTTY) bar.start(acts, 0);
  const begun = performance.now();
  const outcome = await playStory({
    ...{ seed, acts, actsPerFault: ACTS_PER_FAULT, users: USERS, gateways: GATEWAYS },
    ...(plant === undefined ? {} : { plant }),
    onAct: (done) => bar.update(done),
  });
  bar.stop();
  const seconds = ((performance.now() - begun) / MS_PER_S).toFixed(0);
  const faults = FAULTS.map((fault) => `${fault} ${outcome.faults[fault]}`).join(', ');
  console.log(`seed ${seed}: ${outcome.events} messages, ${outcome.refused} refused, ${faults}, ${seconds} s`);
  return outcome;
}

async function playAll(): Promise<number> {
  const kills = { clean: 0 };
  let failed = 0;
  for (let index = 0; index < stories; index += 1) {
    const { findings, evidence, faults, seed } = await play(firstSeed + index);
    kills.clean += faults.kill;
    if (findings.length === 0) continue;
    failed += 1;
    for (const finding of findings) console.log(`  FOUND: ${finding}`);
    for (const line of evidence) console.log(`    ${line}`);
    console.log(`  again: npm run proof -- realtime --stories 1 --acts ${acts} --seed ${seed}`);
  }
  console.log(`${stories} stories, ${kills.clean} gateways killed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function playPlanted(plants: readonly Plant[]): Promise<number> {
  let unnoticed = 0;
  for (const plant of plants) {
    let found: string | undefined;
    for (let index = 0; index < stories && found === undefined; index += 1)
      [found] = (await play(firstSeed + index, plant)).findings;
    console.log(`${plant}: ${found === undefined ? 'NOT NOTICED' : `noticed: ${found.slice(0, 160)}`}`);
    if (found === undefined) unnoticed += 1;
  }
  console.log(`${plants.length} bugs, ${unnoticed} not noticed`);
  return unnoticed === 0 ? 0 : 1;
}

await runProof(async () => {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  mochaGlobalSetup();
  console.log(`seed ${firstSeed}`);
  const only = PLANTS.filter((plant) => plant === values.plant);
  if (values.planted || values.plant !== undefined) return playPlanted(values.planted ? PLANTS : only);
  return playAll();
});
