/**
 * `npm run proof -- planted`: puts each planted bug in, one after the other, and plays stories until the ledger does not close. The checker is worth
 * what it catches.
 */
import { parseArgs } from 'node:util';
import { STORE_PLANTS } from './plants-in-the-store.js';
import { WIRE_PLANTS } from './plants-on-the-wire.js';
import { type Plant, play } from './simulate.js';
import { storyOf } from './story.js';

export const PLANTS: { [name: string]: () => Plant } = { ...STORE_PLANTS, ...WIRE_PLANTS };
export const CAUGHT_SHARE_MIN = 0.95;

export interface Caught {
  name: string;
  /** The seed whose story showed it; null: none did. */
  seed: number | null;
  fault: string | null;
}

export async function plantOne(name: string, seeds: number): Promise<Caught> {
  const make = PLANTS[name];
  if (make === undefined) throw new Error(`there is no plant called ${name}`);
  for (let seed = 1; seed <= seeds; seed += 1) {
    // A bug may also throw, or never come to an end.
    const faults = await play(storyOf(seed), make()).then(
      (played) => played.faults,
      (error: Error) => [error.message],
    );
    if (faults[0] !== undefined) return { name, seed, fault: faults[0] };
  }
  return { name, seed: null, fault: null };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '1000' }, json: { type: 'boolean', default: false } },
  });
  const results: Caught[] = [];
  for (const name of Object.keys(PLANTS)) {
    const caught = await plantOne(name, Number(values.seeds));
    results.push(caught);
    if (!values.json)
      console.log(
        `${caught.seed === null ? 'MISSED' : `caught by story ${caught.seed}`.padEnd(22)} ${name}${caught.fault === null ? '' : `: ${caught.fault}`}`,
      );
  }
  const caught = results.filter(({ seed }) => seed !== null).length;
  if (values.json) console.log(JSON.stringify(results, null, 1));
  else
    console.log(
      `${caught} of ${results.length} planted bugs caught (${((100 * caught) / results.length).toFixed(0)} %)`,
    );
  if (caught / results.length < CAUGHT_SHARE_MIN) process.exitCode = 1;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split('/').at(-1) ?? '-')) await main();
