import { expect } from 'chai';
import type { StoreCapabilities } from '../../../src/application/ports/store/store-capabilities.js';
import { aChatWithMessages, Owner } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

/** The declared capabilities are there. */
export function capabilitiesConformance(capabilities: StoreCapabilities, open: OpenStore): void {
  describe('by its declared capabilities', () => {
    let store: StoreHarness;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    const another = () =>
      store.another?.() ?? expect.fail('the capability is declared, but no other process can open the data');
    const written = async (owner: Owner) => {
      const { chat } = await owner.write((at) => {
        const made = aChatWithMessages(at, 2);
        return { ...made, chatsCreated: [made.chat] };
      });
      return chat;
    };

    if (capabilities.durable)
      it('keeps what was committed when it is closed (durable)', async () => {
        const chat = await written(await Owner.of(store));
        await store.close();
        store = await another();
        const { chats } = await (await Owner.of(store)).read({ chats: [chat.chatId] });
        expect(chats.get(chat.chatId)).to.deep.include({ chatId: chat.chatId, lastSequence: chat.lastSequence });
        expect((await store.log.readEvents(0, 0, 10)).map(({ sequence }) => sequence)).to.include.members([1, 2, 3]);
      });

    if (capabilities.shared)
      it('shows another process what was committed, and fences the earlier owner of a partition (shared)', async () => {
        const owner = await Owner.of(store);
        const beside = await another();
        try {
          const chat = await written(owner);
          const successor = await Owner.of(beside);
          expect([...(await successor.read({ chats: [chat.chatId] })).chats.keys()]).to.deep.equal([chat.chatId]);
          expect(await owner.transact({}, () => ({ writes: {}, value: null }))).to.deep.equal({
            outcome: 'fenced',
            partitions: [0],
          });
        } finally {
          await beside.close();
        }
      });

    it(`has ${capabilities.search ? 'a' : 'no'} message search, as declared (search)`, () => {
      expect(store.search !== null).to.equal(capabilities.search);
    });
  });
}
