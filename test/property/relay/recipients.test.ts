import { expect } from 'chai';
import type { OpenStore } from '../../conformance/store/store-conformance.js';
import { openPrismaStore } from '../../integration/prisma/prisma-harness.js';
import { openMemoryStore } from '../../unit/adapters/memory/memory-harness.js';
import { asOfNow, faultsOf, relayed, tellStory } from './recipients.js';

/** `PARLEY_RECIPIENT_STORIES` sets the number of stories. */
const STORIES = Number(process.env.PARLEY_RECIPIENT_STORIES ?? 0);
const STEPS = 30;

const STORES: { name: string; open: OpenStore; stories: number }[] = [
  { name: 'PostgreSQL', open: openPrismaStore, stories: STORIES || 3 },
  { name: 'the in-memory store', open: openMemoryStore, stories: STORIES || 60 },
];

for (const { name, open, stories } of STORES)
  describe(`Recipients as of the event, on ${name}`, function () {
    this.timeout(60_000 + stories * 5_000);

    it('are those of a plain model, whatever has happened to the chat since', async () => {
      const store = await open();
      let lists = 0;
      try {
        for (let seed = 1; seed <= stories; seed += 1) {
          const moments = await tellStory(store, seed, STEPS);
          lists += moments.filter(({ recipients }) => recipients !== null && recipients.length > 0).length;
          const audiences = relayed(store);
          expect(await faultsOf(moments, audiences, seed), `seed ${seed}`).to.deep.equal([]);
          // A retry renders an event that the replayed state has passed.
          const [early] = moments.slice(3, 4);
          if (early !== undefined) expect(await faultsOf([early], audiences, seed)).to.deep.equal([]);
        }
      } finally {
        await store.close();
      }
      expect(lists).to.be.greaterThan(stories * STEPS * 0.5);
    });

    it('catch a relay that lists the members of now, a planted bug', async () => {
      const store = await open();
      try {
        expect(await faultsOf(await tellStory(store, 1, STEPS), asOfNow(store), 1)).to.have.length.greaterThan(5);
      } finally {
        await store.close();
      }
    });
  });
