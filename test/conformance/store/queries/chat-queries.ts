import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type {
  Caller,
  ChatListFilter,
  ChatListItem,
  ChatListPosition,
  ChatTraits,
  VisibleChats,
} from '../../../../src/application/ports/queries/chat-queries.js';
import type { Chat, Member } from '../../../../src/domain/chat.js';
import {
  AT,
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
} from '../fixtures.js';
import type { OpenStore, StoreHarness } from '../store-conformance.js';
import { viewed } from './views.js';

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

      it("contains the caller's chats of the tenant, latest activity first, then by id, with the membership", async () => {
        const items = await store.queries.listChats(alice, 'all', everything, null, 100);
        expect(items.map(({ chat, membership }) => ({ chat, membership }))).to.deep.equal(
          inOrder.map((chat) => ({ chat, membership: aMember(chat, alice.userId) })),
        );
        expect(
          await store.queries.listChats({ ...alice, tenantId: 'other' }, 'all', everything, null, 100),
        ).to.have.length(1);
        expect(
          await store.queries.listChats({ ...alice, userId: 'nobody' }, 'all', everything, null, 100),
        ).to.deep.equal([]);
      });

      it('has pages without repeats or gaps', async () => {
        const seen: string[] = [];
        let from: ChatListPosition | null = null;
        for (let pages = 0; pages < 10; pages += 1) {
          const items: ChatListItem[] = await store.queries.listChats(alice, 'all', everything, from, 2);
          const last = items.at(-1);
          if (last === undefined) break;
          seen.push(...ids(items));
          from = positionOf(last.chat);
        }
        expect(seen).to.deep.equal(inOrder.map(({ chatId }) => chatId));
      });

      it('is read in the other direction without repeats or gaps', async () => {
        const seen: string[] = [];
        let above = positionOf(inOrder.at(-1) as Chat);
        for (let pages = 0; pages < 10; pages += 1) {
          const items: ChatListItem[] = await store.queries.listChatsAbove(alice, 'all', everything, above, 2);
          const last = items.at(-1);
          if (last === undefined) break;
          seen.push(...ids(items));
          above = positionOf(last.chat);
        }
        expect(seen).to.deep.equal(
          inOrder
            .slice(0, -1)
            .toReversed()
            .map(({ chatId }) => chatId),
        );
        const archived = await store.queries.listChatsAbove(alice, 'all', { archived: true }, above, 2);
        expect(archived).to.deep.equal([]);
      });

      it('is filtered by kind and by whether a chat is archived', async () => {
        const list = async (filter: ChatListFilter, from: Chat | null = null) =>
          ids(await store.queries.listChats(alice, 'all', filter, from && positionOf(from), 100));
        const [channel, first, archived, third, direct] = inOrder as [Chat, Chat, Chat, Chat, Chat];
        expect(await list({ kind: 'channel' })).to.deep.equal([channel.chatId]);
        expect(await list({ archived: true })).to.deep.equal([archived.chatId]);
        expect(await list({ archived: false })).to.deep.equal(
          [channel, first, third, direct].map(({ chatId }) => chatId),
        );
        expect(await list({ kind: 'group', archived: false }, first)).to.deep.equal([third.chatId]);
      });

      it('omits chats that the caller has hidden, until the next message, or contains only those', async () => {
        const caller = { tenantId: 'default', userId: `hiding-${randomUUID()}` };
        const chats = [3, 2, 1].map((n) => aChat({ lastOrdinal: n, lastSequence: n + 1, lastActivityAt: later(n) }));
        const [newer, hidden, shown] = chats as [Chat, Chat, Chat];
        const put = (chat: Chat, hiddenOrdinal: number | null) =>
          owner.write(() => ({ membersPut: [aMember(chat, caller.userId, { hiddenOrdinal }), aMember(chat, 'bob')] }));
        await owner.write(() => ({ chatsCreated: chats }));
        await put(newer, 2);
        await put(hidden, 2);
        await put(shown, null);
        const list = async (filter: ChatListFilter, limit = 100) =>
          ids(await store.queries.listChats(caller, 'all', filter, null, limit));
        expect(await list({})).to.deep.equal([newer.chatId, shown.chatId]);
        expect(await list({}, 2), 'full pages').to.deep.equal([newer.chatId, shown.chatId]);
        expect(await list({ hidden: false, kind: 'group' })).to.deep.equal([newer.chatId, shown.chatId]);
        expect(await list({ hidden: true })).to.deep.equal([hidden.chatId]);
        expect(await list({ hidden: true, archived: true })).to.deep.equal([]);
        expect(await store.queries.countUnread(caller, 'all')).to.deep.equal({ unreadCount: 4, chatCount: 2 });
        await owner.write(() => ({ chatsChanged: [{ ...hidden, lastOrdinal: 3 }] }));
        expect(await list({ hidden: true })).to.deep.equal([]);
        expect(await store.queries.countUnread(caller, 'all')).to.deep.equal({ unreadCount: 7, chatCount: 3 });
        const found = await store.queries.findChat(caller, newer.chatId);
        expect(found?.membership.hiddenOrdinal).to.equal(2);
      });

      it('contains only visible chats, in full pages', async () => {
        const [channel, first, archived, third, direct] = inOrder as [Chat, Chat, Chat, Chat, Chat];
        const group: ChatTraits = { kind: 'group', archived: false, role: 'member' };
        const list = async (visible: VisibleChats, from: Chat | null = null, limit = 2) =>
          ids(await store.queries.listChats(alice, visible, everything, from && positionOf(from), limit));
        expect(await list([group])).to.deep.equal([first.chatId, third.chatId]);
        expect(await list([group, { ...group, kind: 'direct' }], first)).to.deep.equal([third.chatId, direct.chatId]);
        expect(await list([{ ...group, archived: true }])).to.deep.equal([archived.chatId]);
        expect(await list([{ ...group, kind: 'channel' }])).to.deep.equal([channel.chatId]);
        for (const visible of ['none', [], [{ ...group, role: 'owner' }]] as VisibleChats[])
          expect(await list(visible)).to.deep.equal([]);
      });

      it('has the last message of each chat, if any', async () => {
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
        const items = await store.queries.listChats(carol, 'all', everything, null, 100);
        expect(ids(items)).to.deep.equal([chat.chatId, silent.chatId]);
        expect(items.map(({ lastMessage }) => lastMessage)).to.deep.equal([viewed(messages[2]), null]);
      });

      it('has no last message that the caller may not see', async () => {
        const [late, early] = ['late', 'early'].map((name) => ({
          tenantId: 'default',
          userId: `${name}-${randomUUID()}`,
        }));
        if (late === undefined || early === undefined) throw new Error('two callers');
        const { chat, messages } = await owner.write((at) => {
          const made = aChatWithMessages(at, 3, { historyVisibility: 'since-joined' });
          const members = [
            aMember(made.chat, late.userId, { joinedSequence: 5 }),
            aMember(made.chat, early.userId, { joinedSequence: 4 }),
          ];
          return { ...made, chatsCreated: [made.chat], membersPut: members };
        });
        const lastOf = async (caller: Caller) => (await store.queries.listChats(caller, 'all', everything, null, 9))[0];
        expect((await lastOf(late))?.chat.chatId).to.equal(chat.chatId);
        expect((await lastOf(late))?.lastMessage).to.equal(null);
        expect((await lastOf(early))?.lastMessage).to.deep.equal(viewed(messages[2]));
        await owner.write(() => ({ chatsChanged: [{ ...chat, historyVisibility: 'full' }] }));
        expect((await lastOf(late))?.lastMessage).to.deep.equal(viewed(messages[2]));
      });

      it("has the caller's reactions to each last message", async () => {
        const [one, other] = ['one', 'other'].map((name) => ({
          tenantId: 'default',
          userId: `${name}-${randomUUID()}`,
        }));
        if (one === undefined || other === undefined) throw new Error('two callers');
        const { messages } = await owner.write((at) => {
          const made = aChatWithMessages(at, 2);
          const messageId = made.messages[1]?.messageId ?? '';
          const members = [one, other].map(({ userId }) => aMember(made.chat, userId));
          const reactions = [{ messageId, emoji: '👍', userId: one.userId, present: true, at: AT }];
          return { ...made, chatsCreated: [made.chat], membersPut: members, reactions };
        });
        for (const caller of [one, other]) {
          const [item] = await store.queries.listChats(caller, 'all', everything, null, 9);
          const mine = caller === one;
          expect(item?.lastMessage).to.deep.equal(viewed(messages[1], [{ emoji: '👍', count: 1, mine }]));
        }
      });

      it('omits a chat that the caller has left', async () => {
        const dave = { tenantId: 'default', userId: `dave-${randomUUID()}` };
        const chat = aChat();
        await owner.write(() => ({ chatsCreated: [chat], membersPut: [aMember(chat, dave.userId)] }));
        expect(ids(await store.queries.listChats(dave, 'all', everything, null, 100))).to.deep.equal([chat.chatId]);
        await owner.write(() => ({
          membersRemoved: [{ ...dave, chatId: chat.chatId, partition: 0, position: 1, mutedUntil: null }],
        }));
        expect(await store.queries.listChats(dave, 'all', everything, null, 100)).to.deep.equal([]);
      });
    });

    it('finds a chat only for its members in their tenant', async () => {
      const chat = aChat({ metadata: { a: [1] } });
      await owner.write(() => ({ chatsCreated: [chat], membersPut: [aMember(chat, 'alice')] }));
      const find = (userId: string, tenantId: string, chatId = chat.chatId) =>
        store.queries.findChat({ tenantId, userId }, chatId);
      expect(await find('alice', 'default')).to.deep.equal({ chat, membership: aMember(chat, 'alice') });
      expect(await find('mallory', 'default')).to.equal(null);
      expect(await find('alice', 'other')).to.equal(null);
      expect(await find('alice', 'default', randomUUID())).to.equal(null);
    });

    it('lists members in code-unit order, in pages', async () => {
      const chat = aChat();
      const sorted = ['10', '9', 'B', 'a-1', 'a.1', 'a_1', 'b'].map((id) => aMember(chat, id));
      await owner.write(() => ({ chatsCreated: [chat], membersPut: sorted.toReversed() }));
      expect(await store.queries.listMembers(chat.chatId, null, 3)).to.deep.equal(sorted.slice(0, 3));
      expect(await store.queries.listMembers(chat.chatId, 'B', 100)).to.deep.equal(sorted.slice(3));
      expect(await store.queries.listMembers(chat.chatId, 'b', 100)).to.deep.equal([]);
      expect(await store.queries.listMembers(randomUUID(), null, 100)).to.deep.equal([]);
    });

    describe('the unread count', () => {
      const erin = { tenantId: 'default', userId: `erin-${randomUUID()}` };

      before(async () => {
        const inChat = (
          lastOrdinal: number,
          readOrdinal: number,
          over: Partial<Chat>,
          member: Partial<Member> = {},
        ) => {
          const chat = aChat({ lastOrdinal, lastSequence: lastOrdinal + 1, ...over });
          return { chat, member: aMember(chat, erin.userId, { readOrdinal, ...member }) };
        };
        const rows = [
          inChat(7, 4, {}),
          inChat(9, 1, {}),
          inChat(5, 5, {}),
          inChat(0, 0, { kind: 'direct', title: null }),
          inChat(20, 0, { kind: 'channel' }, { role: 'reader' }),
          inChat(30, 0, { archivedAt: AT }),
          inChat(100, 0, { tenantId: 'other' }),
        ];
        const ofOthers = aChat({ lastOrdinal: 1_000 });
        await owner.write(() => ({
          chatsCreated: [...rows.map(({ chat }) => chat), ofOthers],
          membersPut: [...rows.map(({ member }) => member), aMember(ofOthers, 'bob')],
        }));
      });

      const nothing = { unreadCount: 0, chatCount: 0 };

      it("covers the caller's chats with unread messages", async () => {
        expect(await store.queries.countUnread(erin, 'all')).to.deep.equal({ unreadCount: 61, chatCount: 4 });
      });

      it('covers only visible chats', async () => {
        const group = { kind: 'group', archived: false, role: 'member' } as const;
        const archived = { ...group, archived: true };
        const channel = { kind: 'channel', archived: false, role: 'reader' } as const;
        const count = (...visible: ChatTraits[]) => store.queries.countUnread(erin, visible);
        expect(await count(group)).to.deep.equal({ unreadCount: 11, chatCount: 2 });
        expect(await count(archived, channel)).to.deep.equal({ unreadCount: 50, chatCount: 2 });
        expect(await count({ ...channel, role: 'member' }, { ...group, role: 'owner' })).to.deep.equal(nothing);
        expect(await count()).to.deep.equal(nothing);
        expect(await store.queries.countUnread(erin, 'none')).to.deep.equal(nothing);
      });

      it('is 0 for a user without chats in the tenant', async () => {
        expect(await store.queries.countUnread({ ...erin, tenantId: 'nowhere' }, 'all')).to.deep.equal(nothing);
        expect(await store.queries.countUnread({ ...erin, userId: 'nobody' }, 'all')).to.deep.equal(nothing);
      });
    });

    it("finds an actor's receipt, with the content hash of its command", async () => {
      const reason = { code: 'muted' as const, title: 'T', detail: 'd', violations: [{ path: 'a', message: 'ü' }] };
      const record = aReceiptRecord(aReceipt({ status: 'rejected', sequence: null, messageId: null, reason }));
      await owner.write(() => ({ receipts: [record] }));
      const found = await store.queries.findReceipt(record);
      expect(found).to.deep.equal({ contentHash: record.contentHash, receipt: record.receipt });
      expect(JSON.stringify(found?.receipt)).to.equal(JSON.stringify(record.receipt));
      expect(await store.queries.findReceipt({ ...record, actorId: 'bob' })).to.equal(null);
      expect(await store.queries.findReceipt({ ...record, tenantId: 'other' })).to.equal(null);
    });

    it('finds the existing profiles of many users of a tenant', async () => {
      const [one, two] = [aUser(`u-${randomUUID()}`, { metadata: trickyMetadata() }), aUser(`u-${randomUUID()}`)];
      await owner.write(() => ({ users: [one, two].sort((a, b) => (a.userId < b.userId ? -1 : 1)).map(revised) }));
      const found = await store.queries.findUsers(one.tenantId, [two.userId, 'nobody', one.userId]);
      expect([...found.keys()]).to.have.members([one.userId, two.userId]);
      expect(JSON.stringify(found.get(one.userId))).to.equal(JSON.stringify(one));
      expect((await store.queries.findUsers('other', [one.userId])).size).to.equal(0);
      expect((await store.queries.findUsers(one.tenantId, [])).size).to.equal(0);
    });

    it("finds a user's profile only in its tenant", async () => {
      const user = aUser(`u-${randomUUID()}`, { metadata: trickyMetadata() });
      await owner.write(() => ({ users: [revised(user)] }));
      expect(JSON.stringify(await store.queries.findUser(user))).to.equal(JSON.stringify(user));
      expect(await store.queries.findUser({ ...user, tenantId: 'other' })).to.equal(null);
    });
  });
}
