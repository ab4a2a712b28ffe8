import { expect } from 'chai';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import type { DomainEvent } from '../../../src/domain/event.js';
import { eraseMessage, type Message } from '../../../src/domain/message.js';
import { AT, aChatWithMessages, anEvent, later, Owner } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const ALL = 1_000;

export function followedLogConformance(open: OpenStore): void {
  describe('as a followed log', () => {
    let store: StoreHarness;
    let owner: Owner;
    beforeEach(async () => {
      store = await open();
      owner = await Owner.of(store);
    });
    afterEach(() => store.close());

    const positions = (events: readonly LoggedEvent[]) => events.map(({ position }) => position);
    const sequences = (events: readonly LoggedEvent[]) => events.map(({ sequence }) => sequence);

    it('reads events after a position, with the end of the log and its floor', async () => {
      expect(await store.followed.read(0, 0, ALL)).to.deep.equal({ events: [], through: 0, end: 0, floor: 0 });
      const { events } = await owner.write((at) => {
        const { chat, messages, events } = aChatWithMessages(at, 4);
        const rejected = anEvent(at + 6, { type: 'command.rejected', receipt: {} });
        return { chatsCreated: [chat], messages, events: [...events, rejected] };
      });
      const read = await store.followed.read(0, 2, 2);
      expect(JSON.stringify(read.events)).to.equal(JSON.stringify(events.slice(2, 4)));
      expect([read.through, read.end, read.floor]).to.deep.equal([4, 6, 0]);
      await store.registry.savePublished(0, owner.ownership.epoch, 6);
      await store.commands.pruneRejectedCommands(0, later(60_000), ALL);
      const pruned = await store.followed.read(0, 3, ALL);
      expect([positions(pruned.events), pruned.through, pruned.end, pruned.floor]).to.deep.equal([[4, 5], 6, 6, 6]);
      expect(await store.followed.read(0, 5, ALL)).to.deep.equal({ events: [], through: 6, end: 6, floor: 6 });
    });

    it('reads long texts in several stretches, at least one event each', async () => {
      const body = 'x'.repeat(16_384);
      const { events } = await owner.write((at) => {
        const { chat, messages, events } = aChatWithMessages(at, 150);
        const long = messages.map((message) => ({ ...message, body }));
        return { chatsCreated: [chat], messages: long, events };
      });
      const seen: number[] = [];
      for (let after = 0; after < events.length; ) {
        const { events: read, through } = await store.followed.read(0, after, ALL);
        expect(read.length).to.be.at.least(1);
        expect(through).to.equal(read.at(-1)?.position);
        const texts = await store.followed.readTexts(0, after, ALL);
        expect(texts.events.map(({ position }) => position)).to.deep.equal(positions(read));
        expect(texts.through).to.equal(through);
        seen.push(...positions(read));
        after = through;
      }
      expect(seen).to.deep.equal(positions(events));
    });

    it('reads the present texts of messages', async () => {
      const { chat, messages, events } = aChatWithMessages(0, 3);
      const [kept, edited, erased] = messages as [Message, Message, Message];
      await owner.write(() => ({ chatsCreated: [chat], messages, events }));
      const message = { ...edited, revision: 2, body: 'coffee', editedAt: later(5), editedBy: edited.senderId };
      await owner.write((at) => ({
        messagesChanged: [message, eraseMessage(erased, later(9))],
        events: [anEvent(at + 1, { type: 'message.edited', message }, { chatId: chat.chatId, sequence: 5 })],
      }));
      const textOf = ({ messageId, senderId }: Message, revision: number, body: string | null) => ({
        ...{ messageId, revision, senderId, body },
      });
      expect(await store.followed.readTexts(0, 0, ALL)).to.deep.equal({
        events: [
          { position: 1, sequence: 1, text: null },
          { position: 2, sequence: 2, text: textOf(kept, 1, kept.body) },
          { position: 3, sequence: 3, text: textOf(edited, 2, 'coffee') },
          { position: 4, sequence: 4, text: null },
          { position: 5, sequence: 5, text: textOf(edited, 2, 'coffee') },
        ],
        ...{ through: 5, end: 5, floor: 0 },
      });
      const { events: some, through, end } = await store.followed.readTexts(0, 1, 2);
      expect([some.map(({ position }) => position), through, end]).to.deep.equal([[2, 3], 3, 5]);
      expect(await store.followed.readTexts(0, 5, ALL)).to.deep.equal({ events: [], through: 5, end: 5, floor: 0 });
    });

    it('has no imports where there are none', async () => {
      expect(await store.followed.nextImport(0)).to.equal(null);
      expect(await store.followed.readImport(1, 0, ALL)).to.deep.equal([]);
    });

    describe('of a chat whose audience changes', () => {
      let events: LoggedEvent[];
      let chatId: string;
      const changes: DomainEvent[] = [
        { type: 'member.added', members: [{ userId: 'bob', role: 'member' }] },
        { type: 'member.updated', userId: 'bob', role: 'admin', mutedUntil: null },
        { type: 'chat.archived' },
        { type: 'chat.unarchived' },
        { type: 'chat.updated', kind: 'group', title: null, historyVisibility: 'since-joined', metadata: {} },
        { type: 'member.removed', userId: 'bob', left: false },
      ];
      beforeEach(async () => {
        // 1 is the creation, 2 to 4 are messages, then the changes, and a read mark without a sequence.
        const made = await owner.write((at) => {
          const { chat, messages, events } = aChatWithMessages(at, 3);
          const later = changes.map((event, index) =>
            anEvent(at + 5 + index, event, { chatId: chat.chatId, sequence: 5 + index }),
          );
          const mark = anEvent(at + 11, { type: 'chat.read', userId: 'alice', upTo: 2 }, { chatId: chat.chatId });
          return { chatsCreated: [chat], messages, events: [...events, ...later, mark] };
        });
        events = made.events;
        chatId = events[0]?.chatId ?? '';
      });
      const at = (sequence: number) =>
        events.find((event) => event.sequence === sequence) ?? expect.fail(`no event ${sequence}`);

      it('finds the last change, and all changes up to an event', async () => {
        const last = await store.followed.lastAudienceChanges([chatId, '00000000-0000-4000-8000-000000000000']);
        expect([...last].map(([id, event]) => [id, event.sequence])).to.deep.equal([[chatId, 10]]);
        const upTo = async (until: LoggedEvent, after = 0, limit = ALL) =>
          sequences(await store.followed.audienceChanges(chatId, after, until, limit));
        expect(await upTo(at(3))).to.deep.equal([1]);
        expect(await upTo(at(6))).to.deep.equal([1, 5, 6]);
        expect(await upTo(at(10), 6)).to.deep.equal([7, 8, 9, 10]);
        expect(await upTo(at(10), 0, 2)).to.deep.equal([1, 5]);
        const [read] = await store.followed.audienceChanges(chatId, 4, at(5), ALL);
        expect(read).to.deep.equal(at(5));
      });

      it('goes by the position for an event without a sequence, and by the time across partitions', async () => {
        const mark = { ...at(4), sequence: null };
        const upTo = async (until: LoggedEvent) =>
          sequences(await store.followed.audienceChanges(chatId, 0, until, ALL));
        expect(await upTo({ ...mark, position: at(6).position })).to.deep.equal([1, 5, 6]);
        expect(await upTo({ ...mark, partition: 1, position: 1, at: new Date(AT.getTime() - 1) })).to.deep.equal([]);
        expect(await upTo({ ...mark, partition: 1, position: 1, at: later(1) })).to.have.length(7);
      });
    });
  });
}
