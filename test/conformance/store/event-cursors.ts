import { expect } from 'chai';
import type { StartAt } from '../../../src/application/ports/log-consumer.js';
import type { HeldCursor } from '../../../src/application/ports/store/log/event-cursors.js';
import { aChatWithMessages, later, Owner, PARTITIONS } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const LEASE_MS = 60_000;
/** Ends at once. */
const NO_LEASE_MS = -1;
const ALL = 1_000;

export function eventCursorsConformance(open: OpenStore): void {
  describe('as event cursors', () => {
    let store: StoreHarness;
    beforeEach(async () => {
      store = await open();
      await Owner.of(store);
    });
    afterEach(() => store.close());

    const create = (name = 'search', start: StartAt = 'beginning', withImports = false) =>
      store.cursors.create(name, start, withImports);
    const tend = (relayId: string, names = ['search'], leaseMs = LEASE_MS) =>
      store.cursors.tend(relayId, names, leaseMs);
    const partitionsOf = (held: HeldCursor[]) => held.map(({ partition }) => partition);
    const first = async (relayId = 'relay-1') => {
      const [cursor] = await tend(relayId);
      if (cursor === undefined) throw new Error('no cursor was taken');
      return cursor;
    };
    const state = async (partition = 0, name = 'search') =>
      (await store.cursors.states()).find((one) => one.partition === partition && one.name === name);

    /** Positions 1 to 5 of partition 0, one second apart. */
    async function writeFive(): Promise<void> {
      const owner = await Owner.of(store);
      await owner.write((at) => {
        const { chat, messages, events } = aChatWithMessages(at, 4);
        return {
          chatsCreated: [chat],
          messages,
          events: events.map((event, index) => ({ ...event, at: later(index * 1_000) })),
        };
      });
    }

    describe('created', () => {
      it('start at the beginning, now, or at a time, and keep their place when they are created again', async () => {
        await writeFive();
        await create('all');
        await create('new', 'now');
        await create('since', later(2_000));
        await create('since-before', later(-1));
        await create('since-then', later(60_000));
        const positions = async () =>
          Promise.all(
            ['all', 'new', 'since', 'since-before', 'since-then'].map(async (name) => (await state(0, name))?.position),
          );
        expect(await positions()).to.deep.equal([0, 5, 2, 0, 5]);
        await create('all', 'now');
        expect((await state(0, 'all'))?.position).to.equal(0);
      });

      it('are one for each partition, and one for imported chats where these are asked for', async () => {
        await create();
        await create('with-imports', 'now', true);
        const of = async (name: string) =>
          (await store.cursors.states()).filter((one) => one.name === name).map(({ partition }) => partition);
        const log = Array.from({ length: PARTITIONS }, (_, index) => index);
        expect(await of('search')).to.deep.equal(log);
        expect(await of('with-imports')).to.deep.equal([-1, ...log]);
      });
    });

    describe('tended', () => {
      it('belong to one relay each, in fair shares, and pass on when a relay joins or leaves', async () => {
        await create();
        expect(partitionsOf(await tend('relay-1'))).to.deep.equal([0, 1, 2, 3]);
        expect(await tend('relay-2')).to.deep.equal([]);
        expect(partitionsOf(await tend('relay-1'))).to.deep.equal([0, 2]);
        expect(partitionsOf(await tend('relay-2'))).to.deep.equal([1, 3]);
        await store.cursors.leave('relay-1');
        expect(partitionsOf(await tend('relay-2'))).to.deep.equal([0, 1, 2, 3]);
      });

      it('get a higher epoch with each owner, and keep it while the owner stays', async () => {
        await create();
        expect((await first()).epoch).to.equal(1);
        expect((await first()).epoch).to.equal(1);
        await store.cursors.leave('relay-1');
        expect((await first('relay-2')).epoch).to.equal(2);
        await store.cursors.leave('relay-2');
        expect((await first('relay-2')).epoch).to.equal(3);
      });

      it('pass on when the lease has ended, and not before', async () => {
        await create();
        await tend('relay-1', ['search'], NO_LEASE_MS);
        const held = await tend('relay-2');
        expect(partitionsOf(held)).to.deep.equal([0, 1, 2, 3]);
        expect(held.map(({ epoch }) => epoch)).to.deep.equal([2, 2, 2, 2]);
        // The former owner is back: it gets its share only when the new one has released it.
        expect(await tend('relay-1')).to.deep.equal([]);
        expect(partitionsOf(await tend('relay-2'))).to.deep.equal([1, 3]);
        expect((await tend('relay-1')).map(({ partition, epoch }) => [partition, epoch])).to.deep.equal([
          [0, 3],
          [2, 3],
        ]);
      });

      it('are renewed for a relay that was disconnected while no other relay took them', async () => {
        await create();
        await tend('relay-1', ['search'], NO_LEASE_MS);
        expect((await state())?.owner).to.equal(null);
        expect((await first()).epoch).to.equal(1);
        expect((await state())?.owner).to.equal('relay-1');
      });

      it('go only to relays that run the consumer', async () => {
        await create();
        await create('webhooks');
        await tend('relay-1', ['search']);
        expect((await tend('relay-2', ['webhooks'])).map(({ name }) => name)).to.deep.equal(
          Array(PARTITIONS).fill('webhooks'),
        );
        expect(partitionsOf(await tend('relay-1', ['search']))).to.deep.equal([0, 1, 2, 3]);
      });

      it('have one owner each, however many relays tend them at once', async () => {
        await create();
        const ids = ['a', 'b', 'c', 'd', 'e'];
        for (let round = 0; round < 8; round += 1) {
          const held = await Promise.all(ids.map((id) => tend(id)));
          const tokens = held.flat().map(({ partition, epoch }) => `${partition} ${epoch}`);
          expect(new Set(tokens).size).to.equal(tokens.length);
        }
        const shares = (await Promise.all(ids.map((id) => tend(id)))).map(({ length }) => length);
        expect(shares.sort()).to.deep.equal([0, 1, 1, 1, 1]);
      });
    });

    describe('moved', () => {
      it('only go forward, and only under their epoch', async () => {
        await create();
        const old = await first();
        expect(await store.cursors.move(old, 3)).to.equal(true);
        expect(await store.cursors.move(old, 2)).to.equal(true);
        expect((await state())?.position).to.equal(3);
        await store.cursors.leave('relay-1');
        const cursor = await first('relay-2');
        expect(cursor).to.include({ epoch: 2, position: 3 });
        expect(await store.cursors.move(old, 9)).to.equal(false);
        expect(await store.cursors.park(old, { position: 9, sequence: 0 }, 'refused', 9)).to.equal(false);
        expect((await state())?.position).to.equal(3);
        expect(await store.cursors.parked('search', ALL)).to.deep.equal([]);
        expect(await store.cursors.move({ ...cursor, name: 'nobody' }, 4)).to.equal(false);
      });

      it('park an event and pass it in one step', async () => {
        await create();
        const cursor = await first();
        expect(await store.cursors.park(cursor, { position: 7, sequence: 0 }, 'too-long', 7)).to.equal(true);
        expect(await state()).to.include({ position: 7, parked: 1 });
        const [parked] = await store.cursors.parked('search', ALL);
        expect(parked).to.deep.include({
          ...{ name: 'search', partition: 0, position: 7, sequence: 0, code: 'too-long', attempts: 1 },
          isRetryRequested: false,
        });
        expect(parked?.parkedAt).to.be.instanceOf(Date);
        await store.cursors.park(cursor, { position: 7, sequence: 0 }, 'again', 7);
        expect((await store.cursors.parked('search', ALL)).map(({ code, attempts }) => [code, attempts])).to.deep.equal(
          [['again', 2]],
        );
      });
    });

    describe('with parked events', () => {
      let cursor: HeldCursor;
      const place = (position: number) => ({ position, sequence: 0 });
      beforeEach(async () => {
        await create();
        cursor = await first();
        for (const position of [5, 3, 9]) await store.cursors.park(cursor, place(position), 'refused', position);
      });

      it('list them for a retry, in order, once it is requested', async () => {
        expect(await store.cursors.retries(cursor, ALL)).to.deep.equal([]);
        expect((await first()).hasRetries).to.equal(false);
        expect(await store.cursors.requestRetry('nobody')).to.equal(0);
        expect(await store.cursors.requestRetry('search')).to.equal(3);
        expect((await tend('relay-1')).map(({ hasRetries }) => hasRetries)).to.deep.equal([true, false, false, false]);
        expect(await store.cursors.retries(cursor, 2)).to.deep.equal([place(3), place(5)]);
      });

      it('forget one that was delivered, and keep one that failed again until the next request', async () => {
        await store.cursors.requestRetry('search');
        expect(await store.cursors.settleRetry(cursor, place(3), null)).to.equal(true);
        expect(await store.cursors.settleRetry(cursor, place(5), 'still-refused')).to.equal(true);
        expect(await store.cursors.retries(cursor, ALL)).to.deep.equal([place(9)]);
        expect((await store.cursors.parked('search', ALL)).map(({ code, attempts }) => [code, attempts])).to.deep.equal(
          [
            ['still-refused', 2],
            ['refused', 1],
          ],
        );
        expect((await state())?.position).to.equal(9);
      });

      it('settle nothing for a former owner', async () => {
        await store.cursors.leave('relay-1');
        await first('relay-2');
        expect(await store.cursors.settleRetry(cursor, place(3), null)).to.equal(false);
        expect(await store.cursors.settleRetry(cursor, place(5), 'still-refused')).to.equal(false);
        expect((await store.cursors.parked('search', ALL)).map(({ attempts }) => attempts)).to.deep.equal([1, 1, 1]);
      });
    });

    it('are rebuilt from the beginning under a raised epoch, without what was parked', async () => {
      await create();
      await create('webhooks');
      const old = await first();
      await store.cursors.park(old, { position: 5, sequence: 0 }, 'refused', 5);
      expect(await store.cursors.rebuild('nobody')).to.equal(0);
      expect(await store.cursors.rebuild('search')).to.equal(PARTITIONS);
      expect(await state()).to.deep.include({ position: 0, owner: null, parked: 0, epoch: old.epoch + 1 });
      expect(await store.cursors.move(old, 6)).to.equal(false);
      expect(await first()).to.include({ position: 0, epoch: old.epoch + 2 });
    });

    it('report their lag', async () => {
      await writeFive();
      await create();
      const cursor = await first();
      await store.cursors.move(cursor, 2);
      const behind = await state();
      expect(behind).to.include({ position: 2, end: 5, lag: 3, owner: 'relay-1', epoch: 1, parked: 0 });
      // The events are of a past day.
      expect(behind?.lagSeconds).to.be.closeTo((Date.now() - later(2_000).getTime()) / 1_000, 60);
      await store.cursors.move(cursor, 5);
      expect(await state()).to.include({ lag: 0, lagSeconds: 0 });
    });
  });
}
