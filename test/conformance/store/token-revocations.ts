import { expect } from 'chai';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const BOB = { tenantId: 'default', userId: 'bob' };
const EARLY = new Date('2026-01-01T00:00:00.000Z');
const LATE = new Date('2026-02-01T00:00:00.000Z');
/** The clocks of this process and the database differ by less. */
const CLOCKS_DIFFER_MS = 5_000;
const user = (n: number) => ({ tenantId: 'default', userId: `user-${n}` });

export function tokenRevocationsConformance(open: OpenStore): void {
  describe('as registry of token revocations', () => {
    let store: StoreHarness;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it('moves a revocation forward, never back', async () => {
      const { tokenRevocations: revocations } = store;
      expect(await revocations.of(BOB)).to.equal(null);
      expect(await revocations.revoke(BOB, LATE)).to.deep.equal(LATE);
      expect(await revocations.revoke(BOB, EARLY)).to.deep.equal(LATE);
      expect(await revocations.of(BOB)).to.deep.equal(LATE);
      expect(await revocations.of({ tenantId: 'acme', userId: 'bob' })).to.equal(null);
    });

    it('takes the present time if none, or a later one, is given', async () => {
      for (const given of [null, new Date(Date.now() + 3_600_000)]) {
        const time = await store.tokenRevocations.revoke(BOB, given);
        expect(Math.abs(time.getTime() - Date.now())).to.be.below(CLOCKS_DIFFER_MS);
      }
    });

    it('reports each change once to a reader that follows, also one of a user that it knows', async () => {
      const { tokenRevocations: revocations } = store;
      await revocations.revoke(BOB, EARLY);
      const { revocations: all, through } = await revocations.latest(10);
      expect(all).to.deep.equal([{ ...BOB, issuedBefore: EARLY }]);
      expect(await revocations.changedAfter(through, 10)).to.deep.equal({ revocations: [], through });
      await revocations.revoke(user(1), LATE);
      await revocations.revoke(BOB, LATE);
      const first = await revocations.changedAfter(through, 1);
      expect(first.revocations).to.deep.equal([{ ...user(1), issuedBefore: LATE }]);
      const second = await revocations.changedAfter(first.through, 1);
      expect(second.revocations).to.deep.equal([{ ...BOB, issuedBefore: LATE }]);
      expect((await revocations.changedAfter(second.through, 1)).revocations).to.deep.equal([]);
    });

    it('loses none of those that are written at the same time', async () => {
      const { tokenRevocations: revocations } = store;
      const seen = new Set<string>();
      let through = 0;
      const read = async () => {
        const changes = await revocations.changedAfter(through, 100);
        through = changes.through;
        for (const { userId } of changes.revocations) seen.add(userId);
      };
      const writes = Promise.all(Array.from({ length: 20 }, (_, n) => revocations.revoke(user(n), EARLY)));
      let isDone = false;
      void writes.then(() => {
        isDone = true;
      });
      while (!isDone) await read();
      await writes;
      await read();
      expect(seen.size).to.equal(20);
    });

    it('reads the latest first, and forgets old ones', async () => {
      const { tokenRevocations: revocations } = store;
      for (let n = 0; n < 4; n += 1) await revocations.revoke(user(n), new Date(EARLY.getTime() + n * 1_000));
      const latest = await revocations.latest(2);
      expect(latest.revocations.map(({ userId }) => userId)).to.deep.equal(['user-3', 'user-2']);
      await revocations.forget(new Date(EARLY.getTime() + 3_000), 2);
      const left = await revocations.latest(10);
      expect(left.revocations.map(({ userId }) => userId)).to.deep.equal(['user-3', 'user-2']);
      expect((await revocations.changedAfter(left.through, 10)).revocations).to.deep.equal([]);
    });
  });
}
