/**
 * `npm run proof -- fuzz --inputs 1000000`: hostile input for every entry point, and a table of outcomes. A failure is
 * printed with its seed and path: `--door D --seed S --path P` repeats that input, `--door D --seed S --inputs 1` also
 * the earlier ones of its stretch.
 */
import { inspect, parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SingleBar } from 'cli-progress';
import { runProof } from '../../support/hooks.js';
import { type Campaign, play } from './campaign.js';
import { brokerDoor } from './doors/broker-door.js';
import { decoderDoor } from './doors/decoder-door.js';
import type { Door, DoorName } from './doors/door.js';
import { realtimeDoor } from './doors/realtime-door.js';
import { restDoor } from './doors/rest-door.js';
import { workerDoor } from './doors/worker-door.js';

const HELP = `Usage: npm run proof -- fuzz [--inputs N] [--seed S] [--door decoder|worker|rest|broker|realtime] [--path P]
  --inputs N   in all, spread over the doors (default: 20000)
  --seed S     of the first stretch (default: drawn)
  --door D     this one alone
  --path P     with --door and --seed: takes one failing input again
`;
const MAX_HEAP_GROWTH_BYTES = 128 * 1024 * 1024;
const BYTES_PER_MIB = 1024 * 1024;
const MS_PER_SECOND = 1000;

/** Shares of the inputs. Fast entry points get most. */
const SHARES: { [name in DoorName]: number } = {
  ...{ decoder: 0.78, worker: 0.13, rest: 0.068, broker: 0.002 },
  realtime: 0.02,
};

async function playDoor<I>(door: Door<I>, options: { inputs: number; seed: number; path?: string }): Promise<Campaign> {
  const bar = new SingleBar({ format: `${door.name} {bar} {value}/{total}, {eta_formatted} left`, hideCursor: true });
  if (process.stderr.isTTY) bar.start(options.inputs, 0);
  let toldAt = performance.now();
  const campaign = await play(door, options, (inputs) => {
    bar.update(Math.min(inputs, options.inputs));
    if (process.stderr.isTTY || performance.now() - toldAt < 10 * MS_PER_SECOND) return;
    toldAt = performance.now();
    console.error(`${door.name}: ${inputs}/${options.inputs}`);
  });
  bar.stop();
  return campaign;
}

function tell({ door, inputs, outcomes, failures, tookMs, heapGrewBytes }: Campaign): void {
  const seconds = (tookMs / MS_PER_SECOND).toFixed(0);
  console.log(`${door}: ${inputs} inputs in ${seconds} s, heap ${(heapGrewBytes / BYTES_PER_MIB).toFixed(0)} MiB more`);
  for (const [outcome, count] of [...outcomes].sort(([, a], [, b]) => b - a))
    console.log(`  ${String(count).padStart(8)}  ${outcome}`);
  for (const failure of failures) {
    console.log(`  FOUND: ${failure.what}\n  with ${failure.input}`);
    console.log(`  again: npm run proof -- fuzz --door ${door} --seed ${failure.seed} --path ${failure.path}`);
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      inputs: { type: 'string', default: '20000' },
      seed: { type: 'string' },
      door: { type: 'string' },
      path: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  setFlagsFromString('--expose-gc');
  globalThis.gc = runInNewContext('gc') as NodeJS.GCFunction;
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 30));
  const total = Number(values.inputs);
  console.log(`seed ${seed}`);
  const campaigns: Campaign[] = [];
  let broken = 0;
  const run = async <I>(door: Door<I>) => {
    if (values.door !== undefined && values.door !== door.name) return;
    const inputs = values.door === undefined ? Math.ceil(total * SHARES[door.name]) : total;
    try {
      campaigns.push(
        await playDoor(door, { inputs, seed, ...(values.path === undefined ? {} : { path: values.path }) }),
      );
    } catch (error) {
      // Findings of the other entry points are printed anyway.
      broken += 1;
      console.error(`${door.name}: BROKEN OFF: ${inspect(error)}`);
    }
  };
  await run(decoderDoor);
  await run(workerDoor);
  await run(restDoor);
  await run(brokerDoor);
  await run(realtimeDoor);
  for (const campaign of campaigns) tell(campaign);
  const inputs = campaigns.reduce((sum, campaign) => sum + campaign.inputs, 0);
  const found = campaigns.reduce((sum, { failures }) => sum + failures.length, 0);
  const grown = campaigns.filter(({ heapGrewBytes }) => heapGrewBytes > MAX_HEAP_GROWTH_BYTES);
  for (const { door } of grown) console.log(`FOUND: memory grows at the door ${door}`);
  console.log(`${inputs} inputs, ${found + grown.length} findings${broken > 0 ? `, ${broken} doors broken off` : ''}`);
  return campaigns.length > 0 && found + grown.length + broken === 0 ? 0 : 1;
}

await runProof(main);
