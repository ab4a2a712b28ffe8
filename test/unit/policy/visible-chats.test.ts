import { expect } from 'chai';
import fc from 'fast-check';
import { openMemoryStore } from '../adapters/memory/memory-harness.js';
import { writeWorld } from './random-world.js';
import { RowByRow } from './row-by-row.js';
import { nothingDecided, trialsOf } from './trials.js';

/** `npm run proof -- lists` makes it 24: more than 100,000 decisions. */
const WORLDS = Number(process.env.PARLEY_WORLDS ?? '8');
const POLICIES_EACH = 10;
const DECISIONS_PER_WORLD_MIN = 4_200;
/** A busy machine takes a third of it. */
const WORLD_LIMIT_MS = 15_000;

describe('Lists, counts, search and sync of visible chats, in memory', function () {
  this.timeout(WORLDS * WORLD_LIMIT_MS);

  it('contain what a decision for each row permits, for random policies, chats and pages, and nothing of other tenants', async () => {
    const tally = nothingDecided();
    await fc.assert(
      fc.asyncProperty(trialsOf(POLICIES_EACH), async ({ spec, trials }) => {
        const store = await openMemoryStore();
        const world = await writeWorld(store, spec);
        for (const trial of trials) await new RowByRow(store, world, trial, tally).compare();
      }),
      { numRuns: WORLDS, endOnFailure: true },
    );
    expect(tally.decisions).to.be.at.least(WORLDS * DECISIONS_PER_WORLD_MIN);
    // Nothing is shown by what never came to it.
    expect(tally.permitted).to.be.within(tally.decisions / 10, (tally.decisions * 9) / 10);
    const { all, none, some } = tally.filters;
    for (const count of [all, none, some]) expect(count).to.be.above((all + none + some) / 100);
  });
});
