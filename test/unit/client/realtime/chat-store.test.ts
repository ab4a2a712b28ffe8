import { expect } from 'chai';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { MEMBERS_KEPT_MAX } from '../../../../src/client/realtime/chat-records.js';
import type { ChatStorage } from '../../../../src/client/realtime/chat-storage.js';
import { ChatStore, type StoreChange } from '../../../../src/client/realtime/chat-store.js';
import type { FeedChange, FeedEvent } from '../../../../src/client/realtime/feed.js';
import { IndexedDbStorage } from '../../../../src/client/realtime/indexed-db-storage.js';
import { MemoryStorage } from '../../../../src/client/realtime/memory-storage.js';
import { CHAT, chatEvent, chatState, message, messageIdOf, OTHER_CHAT } from './events.js';

const event = (one: FeedEvent, sequence: number | null = Number(one.sequence)): FeedChange => ({
  ...{ kind: 'event', event: one, sequence },
});
const OWNER: FeedChange = { kind: 'owner', owner: { tenantId: 'default', userId: 'alice' } };
const TOKEN: FeedChange = { kind: 'token', token: 'token-1' };
const created = chatEvent('chat.created', CHAT, 1, {
  ...{ kind: 'group', title: 'Garden', historyVisibility: 'full', metadata: {} },
  members: [
    { userId: 'bob', role: 'owner' },
    { userId: 'alice', role: 'member' },
  ],
});
const about = (type: Parameters<typeof chatEvent>[0], sequence: number, of: number, data: object) =>
  event(chatEvent(type, CHAT, sequence, { messageId: messageIdOf(CHAT, of), messageSequence: of, ...data }));

const begun = chatState(CHAT, 3);
/** Everything is read. */
const READ = { ...begun, membership: { ...begun.membership, readSequence: 3 } };

const platform = { indexedDB: new IDBFactory(), IDBKeyRange };
let databases = 0;
/** The same records each time it is called. */
const STORAGES: Record<string, () => () => ChatStorage> = {
  memory: () => {
    const storage = new MemoryStorage();
    return () => storage;
  },
  IndexedDB: () => {
    databases += 1;
    const name = `parley-${databases}`;
    return () => new IndexedDbStorage(name, platform);
  },
};

for (const [name, storages] of Object.entries(STORAGES))
  describe(`A chat store in ${name}`, () => {
    let open: () => ChatStorage;
    let store: ChatStore;

    beforeEach(async () => {
      open = storages();
      store = new ChatStore(open());
      await store.load();
    });
    afterEach(() => store.close());

    const begin = (...events: FeedChange[]): Promise<void> =>
      store.apply([
        OWNER,
        { kind: 'reset', chatId: CHAT },
        { kind: 'chat', chat: READ },
        event(created),
        ...events,
        TOKEN,
      ]);
    const two = [event(message(CHAT, 2)), event(message(CHAT, 3))];

    it('keeps chats, members and messages with the token that covers them', async () => {
      await begin(...two);
      const again = new ChatStore(open());
      const { owner, resumeToken, sequences } = await again.load();
      expect([owner, resumeToken, [...sequences]]).to.deep.equal([
        ...[{ tenantId: 'default', userId: 'alice' }, 'token-1', [[CHAT, 3]]],
      ]);
      expect([...again.chats.values()]).to.deep.equal([...store.chats.values()]);
      const { members, hasAllMembers, firstSequence } = again.chats.get(CHAT) ?? {};
      expect([hasAllMembers, firstSequence]).to.deep.equal([true, 1]);
      expect(members?.get('bob')).to.deep.equal({ role: 'owner', mutedUntil: null });
      expect((await again.messages(CHAT)).map(({ body }) => body)).to.deep.equal(['text 2', 'text 3']);
      again.close();
    });

    it('reads messages by range, by sequence and by id', async () => {
      await begin(...Array.from({ length: 30 }, (_, index) => event(message(CHAT, index + 2))));
      const sequences = async (query: object) => (await store.messages(CHAT, query)).map(({ sequence }) => sequence);
      expect(await sequences({ limit: 3 })).to.deep.equal([29, 30, 31]);
      expect(await sequences({ before: 20, limit: 2 })).to.deep.equal([18, 19]);
      expect(await sequences({ after: 20, limit: 2 })).to.deep.equal([21, 22]);
      expect(await sequences({ after: 20, before: 22 })).to.deep.equal([21]);
      expect(await sequences({ after: 20, before: 21 })).to.deep.equal([]);
      expect((await store.message(CHAT, 5))?.sequence).to.equal(5);
      expect(await store.message(CHAT, 99)).to.equal(undefined);
      expect((await store.messageById(CHAT, messageIdOf(CHAT, 6)))?.sequence).to.equal(6);
      expect(await store.messages(OTHER_CHAT)).to.deep.equal([]);
    });

    it('applies edits, reactions and deletions, within a transaction and across transactions', async () => {
      const changes = [
        about('message.edited', 4, 2, { body: 'new', mentions: [], metadata: {}, revision: 2, editedAt: 'then' }),
        about('message.reacted', 5, 2, { emoji: '👍', userId: 'alice' }),
        about('message.reacted', 6, 2, { emoji: '👍', userId: 'bob' }),
        about('message.unreacted', 7, 2, { emoji: '👍', userId: 'alice' }),
        about('message.deleted', 8, 3, { mode: 'hard', deletedAt: 'then' }),
        about('message.edited', 9, 99, { body: null, mentions: [], metadata: {}, revision: 2, editedAt: 'then' }),
      ];
      await begin(...two, ...changes);
      const atOnce = await store.messages(CHAT);
      const other = new ChatStore(storages()());
      await other.load();
      store = other;
      await begin(...two);
      for (const change of changes) await store.apply([change]);
      expect(await store.messages(CHAT)).to.deep.equal(atOnce);
      expect(atOnce[0]).to.deep.include({
        body: 'new',
        revision: 2,
        reactions: [{ emoji: '👍', count: 1, mine: false }],
      });
      expect(atOnce[1]).to.deep.include({ body: null, deleted: 'hard', reactions: [] });
      // An event of an earlier release has no sequence of its message.
      await store.apply([about('message.reacted', 10, 2, { emoji: '🌱', userId: 'bob', messageSequence: undefined })]);
      expect((await store.message(CHAT, 2))?.reactions).to.have.length(2);
    });

    it('counts unread messages and follows read marks', async () => {
      await begin(...two);
      const unread = () => store.unreadCount;
      await store.apply([4, 5, 6].map((sequence) => event(message(CHAT, sequence))));
      expect(unread()).to.equal(3);
      const read = (userId: string, upTo: number) => event(chatEvent('chat.read', CHAT, null, { userId, upTo }), null);
      await store.apply([read('bob', 6)]);
      expect(unread()).to.equal(3);
      await store.apply([event(message(CHAT, 7)), read('alice', 4)]);
      await store.apply([read('alice', 2)]);
      expect(unread()).to.equal(3);
      expect(store.chats.get(CHAT)?.readMarks.get('alice')).to.equal(4);
      await store.apply([event(message(CHAT, 8, 'mine', 'alice'))]);
      expect(unread()).to.equal(0);
      expect(store.chats.get(CHAT)?.state?.membership.readSequence).to.equal(8);
    });

    it('drops what was reset, left or cleared', async () => {
      await begin(...two);
      await store.apply([
        { kind: 'reset', chatId: CHAT },
        { kind: 'chat', chat: chatState(CHAT, 9) },
        event(message(CHAT, 9)),
      ]);
      expect((await store.messages(CHAT)).map(({ sequence }) => sequence)).to.deep.equal([9]);
      await store.apply([
        event(message(CHAT, 10)),
        { kind: 'left', chatId: CHAT, hidden: false },
        event(message(OTHER_CHAT, 1)),
      ]);
      expect([...store.chats.keys()]).to.deep.equal([OTHER_CHAT]);
      expect(await store.messages(CHAT)).to.deep.equal([]);
      await store.apply([{ kind: 'clear' }]);
      const again = new ChatStore(open());
      expect((await again.load()).resumeToken).to.equal(null);
      expect(again.chats.size).to.equal(0);
      again.close();
    });

    it('tells its listeners what has changed', async () => {
      const changes: StoreChange[] = [];
      const stop = store.onChange((change) => changes.push(change));
      await begin(...two);
      await store.apply([TOKEN]);
      stop();
      await store.apply([event(message(CHAT, 4))]);
      expect(changes).to.have.length(1);
      expect([...(changes[0]?.chatIds ?? [])]).to.deep.equal([CHAT]);
      expect(changes[0]?.messages.get(CHAT)?.map(({ sequence }) => sequence)).to.deep.equal([2, 3]);
    });

    it('bounds the members and marks of a chat', async () => {
      const members = Array.from({ length: MEMBERS_KEPT_MAX + 1 }, (_, index) => ({
        userId: `u-${index}`,
        role: 'member',
      }));
      await begin(event(chatEvent('member.added', CHAT, 4, { members })));
      const { members: kept, hasAllMembers } = store.chats.get(CHAT) ?? {};
      expect([kept?.size, hasAllMembers]).to.deep.equal([MEMBERS_KEPT_MAX, false]);
    });
  });

describe('Two clients with one IndexedDB', () => {
  it('notice each other, so that neither doubles an event of the other', async () => {
    const [one, other] = ['', ''].map(() => new ChatStore(new IndexedDbStorage('shared', platform))) as [
      ChatStore,
      ChatStore,
    ];
    const changes: StoreChange[] = [];
    other.onChange((change) => changes.push(change));
    await one.load();
    await other.load();
    await one.apply([OWNER, event(message(CHAT, 1))]);
    const failure = await other.apply([OWNER, event(message(CHAT, 1))]).catch((error: Error) => error.message);
    expect(failure).to.equal('another client has changed the database');
    expect([...(await other.load()).sequences]).to.deep.equal([[CHAT, 1]]);
    // What is on screen is that of before.
    expect(changes).to.deep.equal([
      { chatIds: new Set([CHAT]), messages: new Map(), dropped: new Set([CHAT]), cleared: true },
    ]);
    one.close();
    other.close();
  });

  it('say that there is no IndexedDB', () => {
    expect(() => new IndexedDbStorage('none', {})).to.throw('this platform has no IndexedDB');
  });
});
