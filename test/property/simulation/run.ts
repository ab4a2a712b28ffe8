/**
 * `npm run proof -- sim --seeds 10000 [--from 1]`: plays that many stories. `--seed N` repeats one story exactly; if it
 * fails, the story is shrunk to the commands and faults that it needs to fail, and printed.
 */
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { shrink } from './shrink.js';
import { play } from './simulate.js';
import { storyOf } from './story.js';

const HELP = `Usage: npm run proof -- sim [--seeds N] [--from N]    plays N stories (default: 1000), from a seed on (default: 1)
       npm run proof -- sim --seed N               plays one again, and shrinks it if it fails
`;
const PRINTED_MAX = 10;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

async function playOne(seed: number): Promise<number> {
  const story = storyOf(seed);
  const { faults, tookMs, commands, events } = await play(story);
  console.log(`seed ${seed}: ${commands} commands, ${events} events, ${(tookMs / 1000).toFixed(1)} simulated seconds`);
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length === 0) return 0;
  const small = await shrink(story, async (smaller) => (await play(smaller)).faults.length > 0);
  console.log(JSON.stringify(small, null, 1));
  for (const fault of (await play(small)).faults) console.log(`  ${fault}`);
  return 1;
}

async function playMany(from: number, count: number): Promise<number> {
  const bar = new SingleBar({
    format: '{bar} {value}/{total} stories, {failed} failed, {eta_formatted} left',
    hideCursor: true,
  });
  if (process.stderr.isTTY) bar.start(count, 0, { failed: 0 });
  const failed: number[] = [];
  const began = performance.now();
  let [commands, events] = [0, 0];
  for (let seed = from; seed < from + count; seed += 1) {
    const played = await play(storyOf(seed)).catch((error: Error) => ({
      faults: [error.message],
      commands: 0,
      events: 0,
    }));
    commands += played.commands;
    events += played.events;
    if (played.faults.length > 0) {
      failed.push(seed);
      if (failed.length <= PRINTED_MAX) console.log(`seed ${seed}: ${played.faults.slice(0, 3).join('; ')}`);
    }
    bar.increment(1, { failed: failed.length });
    if (!process.stderr.isTTY && (seed - from + 1) % 1000 === 0)
      console.error(`${seed - from + 1}/${count} stories, ${failed.length} failed`);
  }
  bar.stop();
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `${count} stories, ${commands} commands, ${events} dispatched copies in ${seconds.toFixed(0)} s; ${failed.length} failed`,
  );
  return failed.length === 0 ? 0 : 1;
}

if (values.help) process.stdout.write(HELP);
else
  process.exitCode =
    values.seed === undefined
      ? await playMany(Number(values.from), Number(values.seeds))
      : await playOne(Number(values.seed));
