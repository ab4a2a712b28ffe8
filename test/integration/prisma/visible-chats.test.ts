import { expect } from 'chai';
import fc from 'fast-check';
import { writeWorld } from '../../unit/policy/random-world.js';
import { RowByRow } from '../../unit/policy/row-by-row.js';
import { nothingDecided, trialsOf } from '../../unit/policy/trials.js';
import { openPrismaStore, type PrismaHarness } from './prisma-harness.js';

const WORLDS = 4;
const POLICIES_EACH = 3;
const DECISIONS_MIN = 3_000;
const TIMEOUT_MS = 240_000;

describe('Lists, counts, search and sync of visible chats, on PostgreSQL', function () {
  this.timeout(TIMEOUT_MS);
  let store: PrismaHarness;
  before(async () => {
    store = await openPrismaStore();
  });
  after(() => store?.close());

  it('contain what a decision for each row permits, for random policies, chats and pages, and nothing of other tenants', async () => {
    const tally = nothingDecided();
    await fc.assert(
      fc.asyncProperty(trialsOf(POLICIES_EACH), async ({ spec, trials }) => {
        const world = await writeWorld(store, spec);
        await store.settleSearch();
        for (const trial of trials) await new RowByRow(store, world, trial, tally).compare();
      }),
      { numRuns: WORLDS, endOnFailure: true },
    );
    expect(tally.decisions).to.be.at.least(DECISIONS_MIN);
    expect(tally.filters.some).to.be.above(0);
  });
});
