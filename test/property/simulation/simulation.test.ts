import { expect } from 'chai';
import { PLANTS, plantInRelay, plantOne, RELAY_PLANTS } from './planted.js';
import { shrink } from './shrink.js';
import { play } from './simulate.js';
import { storyOf } from './story.js';

const SEEDS = 40;
/** Time limit per story; a busy machine needs a quarter of it. */
const SEED_LIMIT_MS = 2_000;
/** A member is removed in the first batch after a take-over, while earlier events are read from the log. */
const LOG_AHEAD_OF_OWNER_SEED = 271;
const SEEDS_TO_CATCH = 150;
const RELAY_LIMIT_MS = 60_000;

describe('Simulated stories of workers that die, freeze, are cut off and lose replies', function () {
  this.timeout(SEEDS * SEED_LIMIT_MS);

  it(`close their ledgers, all ${SEEDS} of them`, async () => {
    let everPruned = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { faults, pruned } = await play(storyOf(seed));
      expect(faults, `npm run proof -- sim --seed ${seed}`).to.deep.equal([]);
      everPruned += pruned;
    }
    expect(everPruned, 'events of rejected commands that were pruned meanwhile').to.be.above(SEEDS);
  });

  it('close them if a batch is in the log before its owner knows of the commit', async () => {
    expect((await play(storyOf(LOG_AHEAD_OF_OWNER_SEED))).faults).to.deep.equal([]);
  });

  it('are the same story each time', async () => {
    const tell = async () => {
      const { tookMs, commands, events } = await play(storyOf(17));
      return { tookMs, commands, events };
    };
    expect(await tell()).to.deep.equal(await tell());
  });

  it('shrink to a minimal failing story', async () => {
    const make = PLANTS['a refused event is treated as confirmed'] as NonNullable<(typeof PLANTS)[string]>;
    const fails = async (story: ReturnType<typeof storyOf>) => (await play(story, make())).faults.length > 0;
    let seed = 1;
    while (!(await fails(storyOf(seed)))) seed += 1;
    const small = await shrink(storyOf(seed), fails);
    expect(small.faults.map(({ kind }) => kind)).to.deep.equal(['dispatch full']);
    expect(small.commands.length).to.be.at.most(3);
  });
});

describe('A planted bug', () => {
  it('is one of at least twenty', () => {
    expect(Object.keys(PLANTS)).to.have.length.above(20);
  });

  for (const name of Object.keys(PLANTS))
    it(`is caught: ${name}`, async function () {
      this.timeout(SEEDS_TO_CATCH * SEED_LIMIT_MS);
      expect((await plantOne(name, SEEDS_TO_CATCH)).fault).to.be.a('string');
    });

  for (const name of Object.keys(RELAY_PLANTS))
    it(`of the relay is caught: ${name}`, async function () {
      this.timeout(RELAY_LIMIT_MS);
      expect((await plantInRelay(name)).fault).to.be.a('string');
    });
});
