import { expect } from 'chai';
import { play } from './simulate.js';
import { storyOf } from './story.js';

const SEEDS = 40;
const SEED_LIMIT_MS = 3_000;

describe('Simulated stories of workers that die, freeze, are cut off and lose replies', function () {
  this.timeout(SEEDS * SEED_LIMIT_MS);

  it(`close their ledgers, all ${SEEDS} of them`, async () => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const { faults } = await play(storyOf(seed));
      expect(faults, `seed ${seed}`).to.deep.equal([]);
    }
  });
});
