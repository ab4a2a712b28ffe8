/**
 * `PARLEY_MODEL_RUNS` sets how many runs there are on each store (`npm run proof:model`: many); `PARLEY_MODEL_SEED` and
 * `PARLEY_MODEL_PATH`, as a failure names them, try that run again.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { commandTypes } from '../../src/contract/commands.js';
import { refusalCodes } from '../../src/contract/problems.js';
import { openMemoryStore } from '../adapters/memory/memory-harness.js';
import { openPrismaStore } from '../adapters/prisma/prisma-harness.js';
import type { OpenStore } from '../adapters/store-conformance.js';
import { intent } from './intents.js';
import { Trial } from './trial.js';

const { PARLEY_MODEL_RUNS, PARLEY_MODEL_SEED, PARLEY_MODEL_PATH } = process.env;
const COMMANDS_MAX = 400;
/** What fails is made smaller for so long. */
const SHRINKING_LIMIT_MS = 60_000;
const RUN_LIMIT_MS = 10_000;
/** Nothing in these commands is too large, nor is there a quota or a moderator. */
const NEVER = ['too_large', 'rate_limited', 'moderated'];

const stores: [name: string, open: OpenStore, runs: number][] = [
  ['the in-memory store', openMemoryStore, 16],
  ['PostgreSQL', openPrismaStore, 6],
];

/** How often each answer was given, and each kind of command accepted with a number. */
const outcomes = new Map<string, number>();

for (const [name, open, defaultRuns] of stores)
  describe(`Random commands by several people, cut into random batches, on ${name}`, function () {
    const numRuns = Number(PARLEY_MODEL_RUNS ?? defaultRuns);
    this.timeout(SHRINKING_LIMIT_MS + numRuns * RUN_LIMIT_MS);

    it('do what a plain model says: every answer, number, page, unread count, event', async () => {
      // Without a bias towards short ones.
      const commands = fc.noBias(fc.array(intent, { maxLength: COMMANDS_MAX, size: 'max' }));
      const property = fc.asyncProperty(commands, async (intents) => {
        const store = await open();
        try {
          const trial = await Trial.of(store);
          await trial.run(intents);
          for (const [what, count] of trial.outcomes) outcomes.set(what, (outcomes.get(what) ?? 0) + count);
        } finally {
          await store.close();
        }
      });
      await fc.assert(property, {
        numRuns,
        ...(PARLEY_MODEL_SEED === undefined ? {} : { seed: Number(PARLEY_MODEL_SEED) }),
        ...(PARLEY_MODEL_PATH === undefined ? {} : { path: PARLEY_MODEL_PATH }),
      });
    });
  });

describe('The random commands of all these runs', () => {
  it('come to every answer, and each kind of command to an effect', function () {
    // One run tried again does not.
    if (PARLEY_MODEL_SEED !== undefined || outcomes.size === 0) this.skip();
    if (PARLEY_MODEL_RUNS !== undefined)
      console.log(`      ${[...outcomes].map((entry) => entry.join(' ')).join(', ')}`);
    const refusals = Object.keys(refusalCodes).filter((code) => !NEVER.includes(code));
    const numbered = commandTypes.filter((type) => type !== 'user.upsert' && type !== 'chat.read');
    expect([...outcomes.keys()]).to.have.members(['accepted', 'unchanged', 'replayed', ...refusals, ...numbered]);
  });
});
