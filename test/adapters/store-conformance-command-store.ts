import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { memberKey, receiptKey, StoreError, userKey } from '../../src/application/ports/command-store.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';
import {
  AT,
  aChat,
  aChatWithMessages,
  aMember,
  aMessage,
  anEvent,
  aReceipt,
  aReceiptRecord,
  aUser,
  later,
  Owner,
  rejection,
  trickyMetadata,
} from './store-conformance-fixtures.js';

export function commandStoreConformance(open: OpenStore): void {
  describe('as command store', () => {
    let store: StoreHarness;
    let owner: Owner;
    before(async () => {
      store = await open();
    });
    beforeEach(async () => {
      owner = await Owner.of(store);
    });
    after(() => store.close());

    const failsAs = async (promise: Promise<unknown>, kind: StoreError['kind']) => {
      const error = await rejection(promise);
      expect(error).to.be.instanceOf(StoreError);
      expect((error as StoreError).kind).to.equal(kind);
    };

    describe('facts', () => {
      it('are those that were asked for and are there, each as it was written', async () => {
        const chat = aChat({ title: null, metadata: { a: 1 }, archivedAt: later(5) });
        const member = aMember(chat, 'bob', { role: 'reader', mutedUntil: later(7), readSequence: 3, readOrdinal: 2 });
        const user = aUser(`u-${randomUUID()}`, { avatarUrl: 'https://example.org/a.png', kind: 'bot' });
        const message = aMessage(chat, 2);
        const record = aReceiptRecord();
        await owner.write(() => ({
          chatsCreated: [chat],
          membersPut: [member, aMember(chat, 'carol')],
          users: [user],
          messages: [message],
          receipts: [record],
        }));

        const absent = randomUUID();
        const facts = await owner.read({
          chats: [absent, chat.chatId],
          members: [member, { chatId: chat.chatId, userId: absent }, { chatId: absent, userId: 'bob' }],
          users: [user, { tenantId: 'other', userId: user.userId }],
          messages: [absent, message.messageId],
          receipts: [record, { ...record, actorId: 'bob' }],
        });
        expect([...facts.chats]).to.deep.equal([[chat.chatId, chat]]);
        expect([...facts.members]).to.deep.equal([[memberKey(member), member]]);
        expect([...facts.users]).to.deep.equal([[userKey(user), user]]);
        expect([...facts.messages]).to.deep.equal([
          [message.messageId, { messageId: message.messageId, chatId: chat.chatId }],
        ]);
        expect([...facts.receipts]).to.deep.equal([
          [receiptKey(record), { contentHash: record.contentHash, receipt: record.receipt }],
        ]);
      });

      it('are none where nothing is asked for', async () => {
        const facts = await owner.read({});
        expect(
          [facts.chats, facts.members, facts.users, facts.messages, facts.receipts].map(({ size }) => size),
        ).to.eql([0, 0, 0, 0, 0]);
      });

      it('do not change when the caller changes what it wrote or read', async () => {
        const metadata = { list: [1] };
        const chat = aChat({ metadata });
        const record = aReceiptRecord();
        await owner.write(() => ({ chatsCreated: [chat], receipts: [record] }));
        metadata.list.push(2);
        record.contentHash.fill(9);

        const first = await owner.read({ chats: [chat.chatId], receipts: [record] });
        first.chats.get(chat.chatId)?.createdAt.setTime(0);
        first.receipts.get(receiptKey(record))?.contentHash.fill(8);

        const second = await owner.read({ chats: [chat.chatId], receipts: [record] });
        expect(second.chats.get(chat.chatId)).to.deep.equal({ ...chat, metadata: { list: [1] }, createdAt: AT });
        expect(second.receipts.get(receiptKey(record))?.contentHash).to.deep.equal(
          new Uint8Array([0, 1, 127, 128, 255]),
        );
      });
    });

    describe('a batch', () => {
      it('returns what the decision returns', async () => {
        const result = await owner.transact({}, () => ({ writes: {}, value: { is: 'this' } }));
        expect(result).to.deep.equal({ outcome: 'committed', value: { is: 'this' } });
      });

      it('of an owner that was replaced is fenced out before it is decided', async () => {
        const chat = aChat();
        const successor = await Owner.of(store, 0, 'worker-2');
        const result = await owner.transact({}, () => {
          throw new Error('was asked');
        });
        expect(result).to.deep.equal({ outcome: 'fenced' });
        expect((await successor.read({ chats: [chat.chatId] })).chats.size).to.equal(0);
      });

      it('for a partition that does not exist is fenced out', async () => {
        const keys = { receipts: [], chats: [], members: [], users: [], messages: [] };
        const request = { partition: 99, epoch: 1, keys, publishedThrough: 0 };
        const result = await store.commands.transact(request, () => {
          throw new Error('was asked');
        });
        expect(result).to.deep.equal({ outcome: 'fenced' });
      });

      it('whose decision throws has no effect, and the very error comes out', async () => {
        const { position } = await owner.read({});
        const bug = new TypeError('a bug');
        const error = await rejection(
          owner.transact({}, () => {
            throw bug;
          }),
        );
        expect(error).to.equal(bug);
        expect((await owner.read({})).position).to.equal(position);
      });

      it('moves the position on by its events', async () => {
        const { position } = await owner.read({});
        await owner.write((at) => {
          const { chat, messages, events } = aChatWithMessages(at, 3);
          return { chatsCreated: [chat], messages, events };
        });
        expect((await owner.read({})).position).to.equal(position + 4);
      });

      it('that leaves a gap in the log is refused whole', async () => {
        const chat = aChat();
        const write = owner.write((at) => ({
          chatsCreated: [chat],
          events: [anEvent(at + 2, { type: 'member.added', members: [] })],
        }));
        await failsAs(write, 'refused');
        expect((await owner.read({ chats: [chat.chatId] })).chats.size).to.equal(0);
      });

      it('whose event or message is there already is refused whole', async () => {
        const { messages } = await owner.write((at) => {
          const { chat, messages, events } = aChatWithMessages(at, 1);
          return { chatsCreated: [chat], messages, events };
        });
        const chat = aChat();
        await failsAs(
          owner.write(() => ({ chatsCreated: [chat], messages })),
          'refused',
        );
        expect((await owner.read({ chats: [chat.chatId] })).chats.size).to.equal(0);
      });

      it('saves the published prefix of the log, and never lowers it', async () => {
        const published = async () =>
          (await store.registry.heartbeat('worker-1', 1_000)).partitions[0]?.publishedThrough;
        await owner.write((at) => {
          const { chat, messages, events } = aChatWithMessages(at, 1);
          return { chatsCreated: [chat], messages, events };
        });
        const { position } = await owner.read({});
        await owner.write(() => ({}), position);
        expect(await published()).to.equal(position);
        await owner.write(() => ({}), position - 1);
        expect(await published()).to.equal(position);
      });

      it('replaces the state of chats and members that were there', async () => {
        const chat = aChat();
        const member = aMember(chat, 'bob');
        await owner.write(() => ({ chatsCreated: [chat], membersPut: [member, aMember(chat, 'carol')] }));
        const changed = {
          ...chat,
          partition: null,
          title: 'Another title',
          metadata: trickyMetadata(),
          archivedAt: later(1),
          lastSequence: 9,
          lastOrdinal: 8,
          memberCount: 7,
          ownerCount: 6,
          lastActivityAt: later(2),
        };
        const promoted = aMember(chat, 'bob', {
          role: 'owner',
          mutedUntil: later(3),
          joinedSequence: 5,
          joinedAt: later(4),
        });
        await owner.write(() => ({
          chatsChanged: [changed],
          membersPut: [promoted],
          membersRemoved: [{ chatId: chat.chatId, userId: 'carol' }],
        }));
        const facts = await owner.read({
          chats: [chat.chatId],
          members: [member, { chatId: chat.chatId, userId: 'carol' }],
        });
        expect(JSON.stringify(facts.chats.get(chat.chatId))).to.equal(JSON.stringify(changed));
        expect([...facts.members.values()]).to.deep.equal([promoted]);
      });

      it('that changes a chat which does not exist is refused', async () => {
        await failsAs(
          owner.write(() => ({ chatsChanged: [aChat()] })),
          'refused',
        );
      });
    });

    describe('what spans partitions', () => {
      let other: Owner;
      beforeEach(async () => {
        other = await Owner.of(store, 1);
      });

      it('a chat id that was taken in between is contention, and the batch has no effect', async () => {
        const chat = aChat();
        const record = aReceiptRecord();
        await other.write(() => ({ chatsCreated: [{ ...chat, partition: 1 }] }));
        await failsAs(
          owner.write(() => ({ chatsCreated: [chat], receipts: [record] })),
          'contention',
        );
        const facts = await owner.read({ chats: [chat.chatId], receipts: [record] });
        expect(facts.chats.get(chat.chatId)?.partition).to.equal(1);
        expect(facts.receipts.size).to.equal(0);
      });

      it('a command id that was answered in between is contention, and the batch has no effect', async () => {
        const record = aReceiptRecord();
        const chat = aChat();
        await other.write(() => ({ receipts: [record] }));
        const write = owner.write(() => ({
          chatsCreated: [chat],
          receipts: [aReceiptRecord(), { ...record, receipt: aReceipt({ commandId: record.commandId, sequence: 7 }) }],
        }));
        await failsAs(write, 'contention');
        const facts = await owner.read({ chats: [chat.chatId], receipts: [record] });
        expect(facts.receipts.get(receiptKey(record))?.receipt).to.deep.equal(record.receipt);
        expect(facts.chats.size).to.equal(0);
      });

      it('the same command id of another actor or tenant is another command', async () => {
        const record = aReceiptRecord();
        const others = [record, { ...record, actorId: 'bob' }, { ...record, tenantId: 'other' }];
        await owner.write(() => ({ receipts: others }));
        expect((await owner.read({ receipts: others })).receipts.size).to.equal(3);
      });

      it('a profile is written whole, revision by revision', async () => {
        const first = aUser(`u-${randomUUID()}`, { metadata: { a: 1 } });
        const second = {
          ...first,
          displayName: 'B',
          kind: 'bot' as const,
          metadata: {},
          revision: 2,
          updatedAt: later(1),
        };
        await owner.write(() => ({ users: [first] }));
        await other.write(() => ({ users: [second] }));
        expect((await owner.read({ users: [first] })).users.get(userKey(first))).to.deep.equal(second);
      });

      it('a revision of a profile that came in between is contention, and the batch has no effect', async () => {
        const first = aUser(`u-${randomUUID()}`);
        const second = { ...first, displayName: 'B', revision: 2 };
        const fresh = aUser(`u-${randomUUID()}`);
        await other.write(() => ({ users: [first] }));
        await failsAs(
          owner.write(() => ({ users: [fresh, first] })),
          'contention',
        );
        await other.write(() => ({ users: [second] }));
        await failsAs(
          owner.write(() => ({ users: [fresh, { ...second, displayName: 'C' }] })),
          'contention',
        );
        const { users } = await owner.read({ users: [first, fresh] });
        expect([...users.values()]).to.deep.equal([second]);
      });
    });

    describe('attempts at a command that is tried alone', () => {
      it('are counted for each command of each partition until they are forgotten', async () => {
        const { commands } = store;
        const key = `default alice ${randomUUID()}`;
        expect(await commands.countAttempt(0, key)).to.equal(1);
        expect(await commands.countAttempt(0, key)).to.equal(2);
        expect(await commands.countAttempt(1, key)).to.equal(1);
        expect(await commands.countAttempt(0, `${key}x`)).to.equal(1);
        await commands.forgetAttempts(0, key);
        expect(await commands.countAttempt(0, key)).to.equal(1);
        expect(await commands.countAttempt(1, key)).to.equal(2);
      });
    });

    describe('pruning receipts', () => {
      it('deletes those older than a time, at most so many a call, and keeps the others', async () => {
        const receipts = [0, 1, 2, 3, 4].map((age) => aReceiptRecord(aReceipt(), { at: new Date(1_000 + age) }));
        await owner.write(() => ({ receipts }));
        const before = new Date(1_003);
        expect(await store.commands.pruneReceipts(before, 2)).to.equal(2);
        expect(await store.commands.pruneReceipts(before, 2)).to.equal(1);
        expect(await store.commands.pruneReceipts(before, 2)).to.equal(0);
        const left = await owner.read({ receipts });
        expect([...left.receipts.keys()].sort()).to.deep.equal(receipts.slice(3).map(receiptKey).sort());
      });
    });
  });
}
