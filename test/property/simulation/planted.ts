/**
 * `npm run proof -- planted`: plants each bug by itself and checks that a test notices it. Bugs of the worker are
 * played in simulated stories until the ledger reports a fault; bugs of the relay are played once, in the scenario that
 * checks for them. Exits with 1 if fewer bugs than `CAUGHT_SHARE_MIN` are caught.
 */
import { parseArgs } from 'node:util';
import { RELAY_BUGS } from '../../integration/relay/planted-bugs.js';
import { runProof } from '../../support/hooks.js';
import { RelayHarness } from '../../support/relay-harness.js';
import { openMemoryStore } from '../../unit/adapters/memory/memory-harness.js';
import { asOfNow, faultsOf, tellStory } from '../relay/recipients.js';
import { GROUP_PLANTS } from './plants-in-groups.js';
import { STORE_PLANTS } from './plants-in-the-store.js';
import { WIRE_PLANTS } from './plants-on-the-wire.js';
import { type Plant, play } from './simulate.js';
import { storyOf } from './story.js';

export const PLANTS: { [name: string]: () => Plant } = { ...STORE_PLANTS, ...GROUP_PLANTS, ...WIRE_PLANTS };
export const CAUGHT_SHARE_MIN = 0.95;
const RECIPIENTS_SEED = 1;
const RECIPIENTS_STEPS = 30;

export interface Caught {
  name: string;
  /** The test that reported the fault. Null if none did. */
  by: string | null;
  fault: string | null;
}

/** Bugs that show only if several rare things meet: the story that is played first. */
const RARE: { [name: string]: number } = { 'forwarding of a misrouted command is not awaited': 167 };

export async function plantOne(name: string, seeds: number): Promise<Caught> {
  const make = PLANTS[name];
  if (make === undefined) throw new Error(`there is no plant called ${name}`);
  const rare = RARE[name];
  const stories = [...(rare === undefined ? [] : [rare]), ...Array.from({ length: seeds }, (_, index) => index + 1)];
  for (const seed of stories) {
    // A bug may also throw, or not end.
    const faults = await play(storyOf(seed), make()).then(
      (played) => played.faults,
      (error: Error) => [error.message],
    );
    if (faults[0] !== undefined) return { name, by: `story ${seed}`, fault: faults[0] };
  }
  return { name, by: null, fault: null };
}

/** The relay's planted bugs, by name. Each returns the faults that its checks report. */
export const RELAY_PLANTS: { [name: string]: () => Promise<string[]> } = {
  ...Object.fromEntries(
    Object.entries(RELAY_BUGS).map(([name, playBug]) => [
      name,
      async () => {
        const harness = new RelayHarness(await openMemoryStore());
        try {
          return await playBug(harness);
        } finally {
          await harness.close();
        }
      },
    ]),
  ),
  'recipients are those of now, not those of the event': async () => {
    const store = await openMemoryStore();
    try {
      const moments = await tellStory(store, RECIPIENTS_SEED, RECIPIENTS_STEPS);
      return await faultsOf(moments, asOfNow(store), RECIPIENTS_SEED);
    } finally {
      await store.close();
    }
  },
};

export async function plantInRelay(name: string): Promise<Caught> {
  const playBug = RELAY_PLANTS[name];
  if (playBug === undefined) throw new Error(`there is no plant called ${name}`);
  const [fault] = await playBug();
  return { name, by: fault === undefined ? null : 'the relay tests', fault: fault ?? null };
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '1000' }, json: { type: 'boolean', default: false } },
  });
  const results: Caught[] = [];
  const report = (caught: Caught) => {
    results.push(caught);
    if (values.json) return;
    const { name, by, fault } = caught;
    const outcome = by === null ? 'MISSED' : `caught by ${by}`;
    console.log(`${outcome.padEnd(25)} ${name}${fault === null ? '' : `: ${fault}`}`);
  };
  for (const name of Object.keys(PLANTS)) report(await plantOne(name, Number(values.seeds)));
  for (const name of Object.keys(RELAY_PLANTS)) report(await plantInRelay(name));
  const caught = results.filter(({ by }) => by !== null).length;
  const share = caught / results.length;
  if (values.json) console.log(JSON.stringify(results, null, 1));
  else console.log(`${caught} of ${results.length} planted bugs caught (${(100 * share).toFixed(0)} %)`);
  return share < CAUGHT_SHARE_MIN ? 1 : 0;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split('/').at(-1) ?? '-'))
  await runProof(main);
