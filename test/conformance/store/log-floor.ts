import { expect } from 'chai';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import { AT, aChatWithMessages, anEvent, later, Owner } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const ALL = 1_000;
const PARTITION = 0;
/** After every event of these tests. */
const LATER = later(60_000);

export function logFloorConformance(open: OpenStore): void {
  describe('with pruned events of rejected commands', () => {
    let store: StoreHarness;
    let owner: Owner;
    beforeEach(async () => {
      store = await open();
      owner = await Owner.of(store, PARTITION);
    });
    afterEach(() => store.close());

    const rejected = (position: number, at = AT, over: Partial<LoggedEvent> = {}) =>
      anEvent(position, { type: 'command.rejected', receipt: {} }, { at, ...over });
    /**
     * Positions 1 to 4 are a chat and its messages, 5 and so on rejected commands, each a second later than the one
     * before.
     */
    async function write(count: number, publishedThrough = Number.MAX_SAFE_INTEGER): Promise<void> {
      await owner.write((at) => {
        const { chat, messages, events } = aChatWithMessages(at, 3);
        const refusals = Array.from({ length: count }, (_, index) =>
          rejected(at + 5 + index, later(index), { chatId: chat.chatId }),
        );
        return { chatsCreated: [chat], messages, events: [...events, ...refusals] };
      });
      const { epoch } = owner.ownership;
      await store.registry.savePublished(PARTITION, epoch, Math.min(publishedThrough, 4 + count));
    }
    const prune = (before: Date, limit = ALL) => store.commands.pruneRejectedCommands(PARTITION, before, limit);
    const positions = async (partition = PARTITION) =>
      (await store.log.readEvents(partition, 0, ALL)).map(({ position }) => position);
    const floor = async () => (await store.registry.heartbeat('observer', 60_000)).partitions[PARTITION]?.logFloor;

    it('deletes only events before a time, and raises the floor with them', async () => {
      await write(6);
      expect(await floor()).to.equal(0);
      expect(await prune(later(3))).to.equal(3);
      expect(await positions()).to.deep.equal([1, 2, 3, 4, 8, 9, 10]);
      expect(await floor()).to.equal(7);
      expect(await prune(later(3))).to.equal(0);
      expect(await floor()).to.equal(7);
    });

    it('deletes a limited number per call, the oldest first', async () => {
      await write(5);
      expect(await prune(LATER, 2)).to.equal(2);
      expect([await positions(), await floor()]).to.deep.equal([[1, 2, 3, 4, 7, 8, 9], 6]);
      expect(await prune(LATER, 2)).to.equal(2);
      expect(await prune(LATER, 2)).to.equal(1);
      expect([await positions(), await floor()]).to.deep.equal([[1, 2, 3, 4], 9]);
    });

    it('deletes only published events', async () => {
      await write(6, 6);
      expect(await prune(LATER)).to.equal(2);
      expect([await positions(), await floor()]).to.deep.equal([[1, 2, 3, 4, 7, 8, 9, 10], 6]);
      expect(await prune(LATER)).to.equal(0);
      await store.registry.savePublished(PARTITION, owner.ownership.epoch, 10);
      expect(await prune(LATER)).to.equal(4);
    });

    it('does not change other partitions', async () => {
      const other = await Owner.of(store, 1);
      await other.write((at) => ({ events: [rejected(at + 1, AT, { partition: 1 })] }));
      await store.registry.savePublished(1, other.ownership.epoch, 1);
      await write(2);
      expect(await prune(LATER)).to.equal(2);
      expect(await positions(1)).to.deep.equal([1]);
      expect(await store.commands.pruneRejectedCommands(99, LATER, ALL)).to.equal(0);
    });

    it('does not lower the floor if clocks differ, and deletes an old event after one from the future', async () => {
      await owner.write((at) => ({
        events: [
          rejected(at + 1, later(9)),
          rejected(at + 2, AT),
          rejected(at + 3, later(5)),
          rejected(at + 4, later(50)),
        ],
      }));
      await store.registry.savePublished(PARTITION, owner.ownership.epoch, 4);
      expect(await prune(later(6))).to.equal(2);
      expect([await positions(), await floor()]).to.deep.equal([[1, 4], 3]);
      expect(await prune(later(10))).to.equal(1);
      expect([await positions(), await floor()]).to.deep.equal([[4], 3]);
    });

    it('reads after missing positions, and continues at the next position', async () => {
      await write(6);
      await prune(later(3));
      const read = async (after: number, limit: number) =>
        (await store.log.readEvents(PARTITION, after, limit)).map(({ position }) => position);
      expect(await read(3, 2)).to.deep.equal([4, 8]);
      expect(await read(5, 2)).to.deep.equal([8, 9]);
      expect(await read(9, ALL)).to.deep.equal([10]);
      expect(await read(10, ALL)).to.deep.equal([]);
      await owner.write((at) => {
        expect(at).to.equal(10);
        return { events: [rejected(at + 1)] };
      });
      expect(await read(9, ALL)).to.deep.equal([10, 11]);
      expect(await store.registry.acquire(PARTITION, 'next')).to.deep.include({ position: 11, publishedThrough: 10 });
    });

    it('answers a syncing client as before, for any token', async () => {
      const caller = { tenantId: 'default', userId: 'alice' };
      const from = await store.sync.cut();
      await write(4);
      const to = await store.sync.cut();
      const chats = await store.sync.firstBeyond(from, []);
      expect([...chats]).to.deep.equal([]);
      const [created] = await store.log.readEvents(PARTITION, 0, 1);
      const chatId = created?.chatId ?? '';
      const look = async () => ({
        first: await store.sync.firstBeyond(from, [{ chatId, lastSequence: 4 }]),
        last: await store.sync.firstBeyond(to, [{ chatId, lastSequence: 4 }]),
        events: await store.sync.eventsIn([{ chatId, first: 1, last: 4 }]),
        lost: await store.sync.lostChats(caller, 'all', from, to, STRETCH, ALL),
        cut: await store.sync.cut(),
      });
      const before = await look();
      expect(await prune(LATER)).to.equal(4);
      expect(await look()).to.deep.equal(before);
      expect(before.first.get(chatId)).to.equal(1);
      expect(before.events.events.get(chatId)).to.have.length(4);
    });
  });
}

const STRETCH = { start: { chatId: '00000000-0000-0000-0000-000000000000', inclusive: true }, through: null };
