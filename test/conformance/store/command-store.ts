import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import {
  type BatchWrites,
  memberKey,
  receiptKey,
  userKey,
} from '../../../src/application/ports/store/command-store.js';
import {
  AT,
  aChat,
  aChatWithMessages,
  aMember,
  aMessage,
  anEvent,
  aReceiptRecord,
  aUser,
  failsAs,
  later,
  NO_KEYS,
  noWrites,
  Owner,
  rejection,
  revised,
  trickyMetadata,
} from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

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

    describe('snapshot', () => {
      it('are the requested existing rows, as written', async () => {
        const chat = aChat({ title: null, metadata: { a: 1 }, archivedAt: later(5) });
        const member = aMember(chat, 'bob', {
          role: 'reader',
          mutedUntil: later(7),
          readSequence: 3,
          deliveredSequence: 4,
        });
        const user = aUser(`u-${randomUUID()}`, { avatarUrl: 'https://example.org/a.png', kind: 'bot' });
        const message = aMessage(chat, 2);
        const record = aReceiptRecord();
        await owner.write(() => ({
          chatsCreated: [chat],
          membersPut: [member, aMember(chat, 'carol')],
          users: [revised(user)],
          messages: [message],
          receipts: [record],
        }));

        const absent = randomUUID();
        const snapshot = await owner.read({
          chats: [absent, chat.chatId],
          members: [member, { chatId: chat.chatId, userId: absent }, { chatId: absent, userId: 'bob' }],
          users: [user, { tenantId: 'other', userId: user.userId }],
          messages: [absent, message.messageId],
          receipts: [record, { ...record, actorId: 'bob' }],
        });
        expect([...snapshot.chats]).to.deep.equal([[chat.chatId, chat]]);
        expect([...snapshot.members]).to.deep.equal([[memberKey(member), member]]);
        expect([...snapshot.users]).to.deep.equal([[userKey(user), user]]);
        expect([...snapshot.messages]).to.deep.equal([
          [
            message.messageId,
            {
              messageId: message.messageId,
              chatId: chat.chatId,
              sequence: 2,
              senderId: 'alice',
              threadRootId: null,
              createdAt: message.createdAt,
              deletedAt: null,
            },
          ],
        ]);
        expect([...snapshot.receipts]).to.deep.equal([
          [receiptKey(record), { contentHash: record.contentHash, receipt: record.receipt }],
        ]);
      });

      it('are empty without keys', async () => {
        const snapshot = await owner.read({});
        expect(
          [snapshot.chats, snapshot.members, snapshot.users, snapshot.messages, snapshot.receipts].map(
            ({ size }) => size,
          ),
        ).to.eql([0, 0, 0, 0, 0]);
      });

      it('do not share objects with the caller', async () => {
        const metadata = { list: [1] };
        const chat = aChat({ metadata });
        const record = aReceiptRecord();
        await owner.write(() => ({ chatsCreated: [chat], receipts: [record] }));
        metadata.list.push(2);
        record.receipt.sequence = 8;

        const first = await owner.read({ chats: [chat.chatId], receipts: [record] });
        first.chats.get(chat.chatId)?.createdAt.setTime(0);
        Object.assign(first.receipts.get(receiptKey(record))?.receipt ?? {}, { sequence: 9 });

        const second = await owner.read({ chats: [chat.chatId], receipts: [record] });
        expect(second.chats.get(chat.chatId)).to.deep.equal({ ...chat, metadata: { list: [1] }, createdAt: AT });
        expect(second.receipts.get(receiptKey(record))?.receipt.sequence).to.equal(42);
      });
    });

    describe('a batch', () => {
      it('returns what the decision returns', async () => {
        const result = await owner.transact({}, () => ({ writes: {}, value: { is: 'this' } }));
        expect(result).to.deep.equal({ outcome: 'committed', value: { is: 'this' } });
      });

      it('of a replaced owner is fenced out before the decision', async () => {
        const chat = aChat();
        const successor = await Owner.of(store, 0, 'worker-2');
        const result = await owner.transact({}, () => {
          throw new Error('was asked');
        });
        expect(result).to.deep.equal({ outcome: 'fenced', partitions: [0] });
        expect((await successor.read({ chats: [chat.chatId] })).chats.size).to.equal(0);
      });

      describe('of several partitions', () => {
        const write = (others: readonly Owner[], make: (at: number, partition: number) => Partial<BatchWrites>) => {
          const leases = [owner, ...others].map(({ ownership: { partition, epoch } }) => ({
            ...{ partition, epoch, publishedThrough: 0 },
          }));
          return store.commands.transact({ leases, keys: NO_KEYS }, ({ positions }) => {
            const all = [...positions].map(([partition, at]) => make(at, partition));
            const events = all.flatMap((part) => part.events ?? []);
            return { writes: { ...noWrites(), ...all[0], events }, value: [...positions.keys()] };
          });
        };
        const archived = (at: number, partition: number) => ({
          events: [anEvent(at + 1, { type: 'chat.archived' }, { partition })],
        });
        let second: Owner;
        let third: Owner;

        beforeEach(async () => {
          second = await Owner.of(store, 1);
          third = await Owner.of(store, 2);
        });

        it('moves each position by the events of its partition', async () => {
          const before = [await owner.read({}), await second.read({}), await third.read({})];
          const result = await write([second, third], (at, partition) => ({
            events: Array.from({ length: partition }, (_, index) =>
              anEvent(at + 1 + index, { type: 'chat.archived' }, { partition }),
            ),
          }));
          expect(result).to.deep.equal({ outcome: 'committed', value: [0, 1, 2] });
          const after = [await owner.read({}), await second.read({}), await third.read({})];
          expect(after.map(({ position }, index) => position - (before[index]?.position ?? 0))).to.deep.equal([
            0, 1, 2,
          ]);
          const log = await store.log.readEvents(2, before[2]?.position ?? 0, 10);
          expect(log.map(({ position }) => position - (before[2]?.position ?? 0))).to.deep.equal([1, 2]);
        });

        it('writes nothing if the lease of one of them is lost, and names it', async () => {
          await Owner.of(store, 1, 'worker-2');
          const { position } = await third.read({});
          expect(await write([second, third], archived)).to.deep.equal({ outcome: 'fenced', partitions: [1] });
          expect((await third.read({})).position).to.equal(position);
        });

        it('refuses an event at the position of another partition', async () => {
          await write([second], (at, partition) => archived(at, partition));
          const { position } = await second.read({});
          await failsAs(
            write([second], (at, partition) => archived(partition === 1 ? at + 1 : at, partition)),
            'refused',
          );
          expect((await second.read({})).position).to.equal(position);
        });

        it('saves what is published of each', async () => {
          await write([second], archived);
          const { position } = await second.read({});
          const leases = [owner, second].map(({ ownership: { partition, epoch } }) => ({
            ...{ partition, epoch, publishedThrough: partition === 1 ? position : 0 },
          }));
          await store.commands.transact({ leases, keys: NO_KEYS }, () => ({ writes: noWrites(), value: null }));
          const { partitions } = await store.registry.heartbeat('worker-1', 1_000);
          expect(partitions[1]?.publishedThrough).to.equal(position);
        });
      });

      it('for an unknown partition is fenced out', async () => {
        const request = { leases: [{ partition: 99, epoch: 1, publishedThrough: 0 }], keys: NO_KEYS };
        const result = await store.commands.transact(request, () => {
          throw new Error('was asked');
        });
        expect(result).to.deep.equal({ outcome: 'fenced', partitions: [99] });
      });

      it('whose decision throws has no effect, and rejects with the same error', async () => {
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

      it('moves the position by its events', async () => {
        const { position } = await owner.read({});
        await owner.write((at) => {
          const { chat, messages, events } = aChatWithMessages(at, 3);
          return { chatsCreated: [chat], messages, events };
        });
        expect((await owner.read({})).position).to.equal(position + 4);
      });

      it('that leaves a gap in the log is refused completely', async () => {
        const chat = aChat();
        const write = owner.write((at) => ({
          chatsCreated: [chat],
          events: [anEvent(at + 2, { type: 'member.added', members: [] })],
        }));
        await failsAs(write, 'refused');
        expect((await owner.read({ chats: [chat.chatId] })).chats.size).to.equal(0);
      });

      it('whose event or message exists already is refused completely', async () => {
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

      it('replaces the state of existing chats and members', async () => {
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
          historyVisibility: 'since-joined' as const,
          historySequence: 5,
          lastPosition: 2 ** 40,
        };
        const promoted = aMember(chat, 'bob', {
          role: 'owner',
          mutedUntil: later(3),
          joinedSequence: 5,
          joinedAt: later(4),
          readSequence: 4,
          readOrdinal: 3,
          deliveredSequence: 5,
          readPosition: 2 ** 40,
          hiddenOrdinal: 2 ** 40 + 1,
        });
        await owner.write(() => ({
          chatsChanged: [changed],
          membersPut: [promoted],
          membersRemoved: [
            {
              tenantId: chat.tenantId,
              chatId: chat.chatId,
              userId: 'carol',
              partition: 0,
              position: 1,
              mutedUntil: null,
            },
          ],
        }));
        const snapshot = await owner.read({
          chats: [chat.chatId],
          members: [member, { chatId: chat.chatId, userId: 'carol' }],
        });
        expect(JSON.stringify(snapshot.chats.get(chat.chatId))).to.equal(JSON.stringify(changed));
        expect([...snapshot.members.values()]).to.deep.equal([promoted]);
      });

      it('that is a probe writes nothing', async () => {
        await store.commands.probe();
        const { position } = await owner.read({});
        await store.commands.probe();
        expect((await owner.read({})).position).to.equal(position);
      });

      it('that changes a chat which does not exist is refused', async () => {
        await failsAs(
          owner.write(() => ({ chatsChanged: [aChat()] })),
          'refused',
        );
      });
    });
  });
}
