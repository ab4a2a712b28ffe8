import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { ChatListFilter, ChatListItem, ChatListPosition } from '../../src/application/ports/chat-queries.js';
import type { Chat } from '../../src/domain/chat.js';
import type { Message } from '../../src/domain/message.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';
import {
  aChat,
  aChatWithMessages,
  aMember,
  aReceipt,
  aReceiptRecord,
  aUser,
  later,
  Owner,
  revised,
  trickyMetadata,
} from './store-conformance-fixtures.js';

/** As queries give it: with the command of its event. */
const viewed = (message: Message | undefined) => message && { ...message, commandId: `command-${message.sequence}` };

export function chatQueriesConformance(open: OpenStore): void {
  describe('as chat queries', () => {
    let store: StoreHarness;
    let owner: Owner;
    before(async () => {
      store = await open();
      owner = await Owner.of(store);
    });
    after(() => store.close());

    describe('the list of chats', () => {
      const alice = { tenantId: 'default', userId: `alice-${randomUUID()}` };
      const everything: ChatListFilter = {};
      let inOrder: Chat[];
      const ids = (items: ChatListItem[]) => items.map(({ chat }) => chat.chatId);
      const positionOf = ({ lastActivityAt, chatId }: Chat): ChatListPosition => ({ lastActivityAt, chatId });

      before(async () => {
        const sameTime = ['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000b1'];
        inOrder = [
          aChat({ kind: 'channel', lastActivityAt: later(300) }),
          aChat({ chatId: sameTime[0] as string, lastActivityAt: later(200) }),
          aChat({ chatId: sameTime[1] as string, lastActivityAt: later(200), archivedAt: later(200) }),
          aChat({ lastActivityAt: later(1) }),
          aChat({ kind: 'direct', title: null, lastActivityAt: later(0) }),
        ];
        const elsewhere = aChat({ tenantId: 'other', lastActivityAt: later(400) });
        const ofOthers = aChat({ lastActivityAt: later(500) });
        await owner.write(() => ({
          chatsCreated: [elsewhere, ofOthers, ...inOrder.toReversed()],
          membersPut: [...inOrder, elsewhere].flatMap((chat) => [aMember(chat, alice.userId), aMember(chat, 'bob')]),
        }));
      });

      it("is the caller's own in the caller's tenant, newest activity first, then by id, with the membership", async () => {
        const items = await store.queries.listChats(alice, everything, null, 100);
        expect(items.map(({ chat, membership }) => ({ chat, membership }))).to.deep.equal(
          inOrder.map((chat) => ({ chat, membership: aMember(chat, alice.userId) })),
        );
        expect(await store.queries.listChats({ ...alice, tenantId: 'other' }, everything, null, 100)).to.have.length(1);
        expect(await store.queries.listChats({ ...alice, userId: 'nobody' }, everything, null, 100)).to.deep.equal([]);
      });

      it('is read page by page without repeats or gaps', async () => {
        const seen: string[] = [];
        let from: ChatListPosition | null = null;
        for (let pages = 0; pages < 10; pages += 1) {
          const items: ChatListItem[] = await store.queries.listChats(alice, everything, from, 2);
          const last = items.at(-1);
          if (last === undefined) break;
          seen.push(...ids(items));
          from = positionOf(last.chat);
        }
        expect(seen).to.deep.equal(inOrder.map(({ chatId }) => chatId));
      });

      it('is filtered by kind and by whether a chat is archived', async () => {
        const list = async (filter: ChatListFilter, from: Chat | null = null) =>
          ids(await store.queries.listChats(alice, filter, from && positionOf(from), 100));
        const [channel, first, archived, third, direct] = inOrder as [Chat, Chat, Chat, Chat, Chat];
        expect(await list({ kind: 'channel' })).to.deep.equal([channel.chatId]);
        expect(await list({ archived: true })).to.deep.equal([archived.chatId]);
        expect(await list({ archived: false })).to.deep.equal(
          [channel, first, third, direct].map(({ chatId }) => chatId),
        );
        expect(await list({ kind: 'group', archived: false }, first)).to.deep.equal([third.chatId]);
      });

      it('comes with the last message of each chat, if it has any', async () => {
        const carol = { tenantId: 'default', userId: `carol-${randomUUID()}` };
        const silent = aChat({ lastActivityAt: later(1) });
        const { chat, messages } = await owner.write((at) => {
          const made = aChatWithMessages(at, 3, { lastActivityAt: later(2) });
          return {
            ...made,
            chatsCreated: [made.chat, silent],
            membersPut: [aMember(made.chat, carol.userId), aMember(silent, carol.userId)],
          };
        });
        const items = await store.queries.listChats(carol, everything, null, 100);
        expect(ids(items)).to.deep.equal([chat.chatId, silent.chatId]);
        expect(items.map(({ lastMessage }) => lastMessage)).to.deep.equal([viewed(messages[2]), null]);
      });

      it('loses a chat that the caller has left', async () => {
        const dave = { tenantId: 'default', userId: `dave-${randomUUID()}` };
        const chat = aChat();
        await owner.write(() => ({ chatsCreated: [chat], membersPut: [aMember(chat, dave.userId)] }));
        expect(ids(await store.queries.listChats(dave, everything, null, 100))).to.deep.equal([chat.chatId]);
        await owner.write(() => ({ membersRemoved: [{ ...dave, chatId: chat.chatId, position: 1 }] }));
        expect(await store.queries.listChats(dave, everything, null, 100)).to.deep.equal([]);
      });
    });

    it('finds a chat for its members only, and in their tenant only', async () => {
      const chat = aChat({ metadata: { a: [1] } });
      await owner.write(() => ({ chatsCreated: [chat], membersPut: [aMember(chat, 'alice')] }));
      const find = (userId: string, tenantId: string, chatId = chat.chatId) =>
        store.queries.findChat({ tenantId, userId }, chatId);
      expect(await find('alice', 'default')).to.deep.equal({ chat, membership: aMember(chat, 'alice') });
      expect(await find('mallory', 'default')).to.equal(null);
      expect(await find('alice', 'other')).to.equal(null);
      expect(await find('alice', 'default', randomUUID())).to.equal(null);
    });

    it('lists members by code unit, page by page', async () => {
      const chat = aChat();
      const sorted = ['10', '9', 'B', 'a-1', 'a.1', 'a_1', 'b'].map((id) => aMember(chat, id));
      await owner.write(() => ({ chatsCreated: [chat], membersPut: sorted.toReversed() }));
      expect(await store.queries.listMembers(chat.chatId, null, 3)).to.deep.equal(sorted.slice(0, 3));
      expect(await store.queries.listMembers(chat.chatId, 'B', 100)).to.deep.equal(sorted.slice(3));
      expect(await store.queries.listMembers(chat.chatId, 'b', 100)).to.deep.equal([]);
      expect(await store.queries.listMembers(randomUUID(), null, 100)).to.deep.equal([]);
    });

    describe("a chat's history", () => {
      let chatId: string;
      let messages: Message[];
      const page = async (range: { after?: number; before?: number; limit: number }) => {
        const { items, hasMore } = await store.queries.listMessages(chatId, range);
        return { sequences: items.map(({ sequence }) => sequence), hasMore };
      };
      before(async () => {
        const made = await owner.write((at) => {
          const chat = aChatWithMessages(at, 5);
          return { ...chat, chatsCreated: [chat.chat] };
        });
        ({ messages } = made);
        ({ chatId } = made.chat);
      });

      it('gives each message with the command that created it', async () => {
        const { items } = await store.queries.listMessages(chatId, { limit: 5 });
        expect(items).to.deep.equal(messages.map(viewed));
      });

      it('is read forward from a sequence', async () => {
        expect(await page({ after: 0, limit: 2 })).to.deep.equal({ sequences: [2, 3], hasMore: true });
        expect(await page({ after: 3, limit: 2 })).to.deep.equal({ sequences: [4, 5], hasMore: true });
        expect(await page({ after: 4, limit: 2 })).to.deep.equal({ sequences: [5, 6], hasMore: false });
        expect(await page({ after: 6, limit: 2 })).to.deep.equal({ sequences: [], hasMore: false });
      });

      it('is read backward from a sequence, in ascending order all the same', async () => {
        expect(await page({ before: 7, limit: 2 })).to.deep.equal({ sequences: [5, 6], hasMore: true });
        expect(await page({ before: 5, limit: 2 })).to.deep.equal({ sequences: [3, 4], hasMore: true });
        expect(await page({ before: 3, limit: 2 })).to.deep.equal({ sequences: [2], hasMore: false });
        expect(await page({ before: 2, limit: 2 })).to.deep.equal({ sequences: [], hasMore: false });
      });

      it('begins with the latest messages where no sequence is named', async () => {
        expect(await page({ limit: 3 })).to.deep.equal({ sequences: [4, 5, 6], hasMore: true });
        expect(await page({ limit: 5 })).to.deep.equal({ sequences: [2, 3, 4, 5, 6], hasMore: false });
      });

      it('is bounded on both sides where both are named', async () => {
        expect(await page({ after: 2, before: 6, limit: 2 })).to.deep.equal({ sequences: [3, 4], hasMore: true });
        expect(await page({ after: 2, before: 6, limit: 3 })).to.deep.equal({ sequences: [3, 4, 5], hasMore: false });
      });

      it('is empty for a chat that does not exist', async () => {
        const nothing = { items: [], hasMore: false };
        expect(await store.queries.listMessages(randomUUID(), { limit: 5 })).to.deep.equal(nothing);
        expect(await store.queries.listEvents(randomUUID(), 0, 5)).to.deep.equal(nothing);
      });
    });

    it("reads a chat's events by sequence, beyond one, at most so many", async () => {
      const { chat, events } = await owner.write((at) => {
        const made = aChatWithMessages(at, 3);
        return { ...made, chatsCreated: [made.chat] };
      });
      const { listEvents } = store.queries;
      const read = listEvents.bind(store.queries, chat.chatId);
      expect(await read(0, 2)).to.deep.equal({ items: events.slice(0, 2), hasMore: true });
      expect(await read(2, 2)).to.deep.equal({ items: events.slice(2), hasMore: false });
      expect(await read(4, 2)).to.deep.equal({ items: [], hasMore: false });
    });

    it('finds a message in its own chat only', async () => {
      const { chat, messages } = await owner.write((at) => {
        const made = aChatWithMessages(at, 1);
        return { ...made, chatsCreated: [made.chat] };
      });
      const messageId = messages[0]?.messageId ?? '';
      expect(await store.queries.findMessage(chat.chatId, messageId)).to.deep.equal(viewed(messages[0]));
      expect(await store.queries.findMessage(randomUUID(), messageId)).to.equal(null);
      expect(await store.queries.findMessage(chat.chatId, randomUUID())).to.equal(null);
    });

    it("finds an actor's own receipt as it was given", async () => {
      const reason = { code: 'muted' as const, title: 'T', detail: 'd', violations: [{ path: 'a', message: 'ü' }] };
      const record = aReceiptRecord(aReceipt({ status: 'rejected', sequence: null, messageId: null, reason }));
      await owner.write(() => ({ receipts: [record] }));
      const found = await store.queries.findReceipt(record);
      expect(found).to.deep.equal(record.receipt);
      expect(JSON.stringify(found)).to.equal(JSON.stringify(record.receipt));
      expect(await store.queries.findReceipt({ ...record, actorId: 'bob' })).to.equal(null);
      expect(await store.queries.findReceipt({ ...record, tenantId: 'other' })).to.equal(null);
    });

    it("finds a user's profile in its tenant only", async () => {
      const user = aUser(`u-${randomUUID()}`, { metadata: trickyMetadata() });
      await owner.write(() => ({ users: [revised(user)] }));
      expect(JSON.stringify(await store.queries.findUser(user))).to.equal(JSON.stringify(user));
      expect(await store.queries.findUser({ ...user, tenantId: 'other' })).to.equal(null);
    });
  });
}
