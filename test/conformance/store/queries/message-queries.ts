import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { SequenceRange } from '../../../../src/application/ports/queries/chat-history.js';
import type { ReactionWrite } from '../../../../src/application/ports/store/command-store.js';
import { REACTIONS_SHOWN_MAX } from '../../../../src/contract/rest/responses.js';
import type { Chat } from '../../../../src/domain/chat.js';
import type { Message, MessageRevision } from '../../../../src/domain/message.js';
import { AT, aChatWithMessages, aMember, later, Owner, trickyMetadata } from '../fixtures.js';
import type { OpenStore, StoreHarness } from '../store-conformance.js';
import { past, viewed } from './views.js';

/** What hangs on a message. */
export function messageQueriesConformance(open: OpenStore): void {
  describe('as message queries', () => {
    let store: StoreHarness;
    let owner: Owner;
    let chat: Chat;
    let messages: Message[];
    before(async () => {
      store = await open();
      owner = await Owner.of(store);
    });
    after(() => store.close());
    beforeEach(async () => {
      ({ chat, messages } = await owner.write((at) => {
        const made = aChatWithMessages(at, 4);
        return { ...made, chatsCreated: [made.chat] };
      }));
    });

    const message = (index: number) => messages[index] ?? expect.fail('no such message');

    describe('of reactions', () => {
      const write = (index: number, emoji: string, userIds: string[], present = true) =>
        owner.write(() => ({
          reactions: userIds.map(
            (userId): ReactionWrite => ({ messageId: message(index).messageId, emoji, userId, present, at: AT }),
          ),
        }));
      const of = async (index: number, userId = 'alice') =>
        (await store.history.findMessage(past(chat.chatId, { userId }), message(index).messageId))?.reactions;

      it("count each emoji of a message, and mark the caller's own", async () => {
        await write(0, '👍', ['alice', 'bob', 'carol']);
        await write(0, ':party"\\:', ['bob']);
        expect(await of(0)).to.have.deep.members([
          { emoji: '👍', count: 3, mine: true },
          { emoji: ':party"\\:', count: 1, mine: false },
        ]);
        expect(await of(0, 'bob')).to.have.deep.members([
          { emoji: '👍', count: 3, mine: true },
          { emoji: ':party"\\:', count: 1, mine: true },
        ]);
        expect(await of(0, 'mallory')).to.have.deep.members([
          { emoji: '👍', count: 3, mine: false },
          { emoji: ':party"\\:', count: 1, mine: false },
        ]);
        expect(await of(1)).to.deep.equal([]);
      });

      it('are the most frequent ones, then by emoji, up to a limit, with the total', async () => {
        const emoji = (n: number) => `:e${String(n).padStart(3, '0')}:`;
        const names = Array.from({ length: 4 * REACTIONS_SHOWN_MAX }, (_, n) => emoji(n));
        for (const name of names.toReversed()) await write(3, name, ['bob']);
        await write(3, emoji(70), ['alice', 'carol']);
        await write(3, emoji(60), ['alice']);
        const shown = [
          { emoji: emoji(70), count: 3, mine: true },
          { emoji: emoji(60), count: 2, mine: true },
          ...names.slice(0, REACTIONS_SHOWN_MAX - 2).map((name) => ({ emoji: name, count: 1, mine: false })),
        ];
        const { messageId } = message(3);
        const whole = await store.history.findMessage(past(chat.chatId), messageId);
        const { items } = await store.history.listMessages(past(chat.chatId), { limit: 9 });
        const thread = await store.history.findThread(past(chat.chatId), messageId, { limit: 9 });
        for (const view of [whole, items.at(-1), thread?.root])
          expect(view).to.deep.include({ reactions: shown, reactionKinds: names.length });
        expect(items[0]).to.deep.include({ reactions: [], reactionKinds: 0 });
      });

      it('omit emoji without users', async () => {
        await write(0, '👍', ['alice', 'bob']);
        await write(0, '👎', ['alice']);
        await write(0, '👎', ['alice'], false);
        await write(0, '👍', ['alice'], false);
        expect(await of(0)).to.deep.equal([{ emoji: '👍', count: 1, mine: false }]);
      });

      it('are returned with every message of a page and a thread', async () => {
        await write(0, '👍', ['bob']);
        await write(2, '❤️', ['alice']);
        const thumb = [{ emoji: '👍', count: 1, mine: false }];
        const heart = [{ emoji: '❤️', count: 1, mine: true }];
        const { items } = await store.history.listMessages(past(chat.chatId), { limit: 9 });
        expect(items.map(({ reactions }) => reactions)).to.deep.equal([thumb, [], heart, []]);
        expect(
          (await store.history.findThread(past(chat.chatId), message(0).messageId, { limit: 9 }))?.root,
        ).to.deep.equal(viewed(message(0), thumb));
      });
    });

    describe('of earlier texts', () => {
      it('are returned as written in ascending order, in pages', async () => {
        const { messageId } = message(0);
        const revision = (number: number, over: Partial<MessageRevision> = {}): MessageRevision => ({
          ...{ messageId, revision: number, body: `text ${number}`, mentions: [], metadata: {} },
          ...{ actorId: 'alice', at: later(number), ...over },
        });
        const revisions = [
          revision(1, { mentions: ['bob', 'carol'], metadata: trickyMetadata() }),
          ...[2, 3, 10].map((number) => revision(number, { actorId: 'bob' })),
        ];
        await owner.write(() => ({ revisions: revisions.toReversed() }));
        const read = (after: number, limit: number) =>
          store.history.listRevisions(past(chat.chatId), messageId, after, limit);
        expect(JSON.stringify(await read(0, 2))).to.equal(JSON.stringify(revisions.slice(0, 2)));
        expect(await read(2, 9)).to.deep.equal(revisions.slice(2));
        expect(await read(10, 9)).to.deep.equal([]);
        expect(await store.history.listRevisions(past(randomUUID()), messageId, 0, 9)).to.deep.equal([]);
      });

      it('are empty for a deleted message in both modes', async () => {
        const [soft, hard] = [message(0), message(1)];
        const texts = [soft, hard].map(({ messageId }) => ({
          ...{ messageId, revision: 1, body: 'old', mentions: [], metadata: {}, actorId: 'alice', at: AT },
        }));
        await owner.write(() => ({ revisions: texts }));
        await owner.write(() => ({
          messagesChanged: [{ ...soft, body: null, deletedAt: AT }],
          revisionsErased: [soft.messageId],
          messagesRemoved: [hard],
        }));
        for (const { messageId } of [soft, hard])
          expect(await store.history.listRevisions(past(chat.chatId), messageId, 0, 9)).to.deep.equal([]);
      });
    });

    describe('of a thread', () => {
      let root: Message;
      let replies: Message[];
      beforeEach(async () => {
        const made = await owner.write((at) => {
          const { chat, messages, events } = aChatWithMessages(at, 7);
          const [first] = messages as [Message];
          const threaded = messages.map((message, index) =>
            index > 0 && index !== 3 ? { ...message, threadRootId: first.messageId } : message,
          );
          const created = events.map((logged) => {
            const { event } = logged;
            if (event.type !== 'message.created') return logged;
            return { ...logged, event: { ...event, message: threaded[event.message.sequence - 2] ?? event.message } };
          });
          return {
            ...{ chat, chatsCreated: [chat], messages: threaded, events: created },
            threads: [{ rootId: first.messageId, replies: 5 }],
          };
        });
        chat = made.chat;
        messages = made.messages;
        root = message(0);
        replies = messages.filter(({ threadRootId }) => threadRootId !== null);
      });

      const thread = async (range: SequenceRange) =>
        (await store.history.findThread(past(chat.chatId), root.messageId, range)) ?? expect.fail('no thread');
      const page = async (range: SequenceRange) => {
        const { replies: found } = await thread(range);
        return { sequences: found.items.map(({ sequence }) => sequence), hasMore: found.hasMore };
      };

      it('return the root, the number of replies and the last one', async () => {
        const found = await thread({ limit: 2 });
        expect(found.root).to.deep.equal(viewed(root));
        expect(found.replyCount).to.equal(5);
        expect(found.lastReply).to.deep.equal(viewed(replies[4]));
        expect(found.replies.items).to.deep.equal(replies.slice(3).map((reply) => viewed(reply)));
        expect((await thread({ after: 2, limit: 1 })).lastReply).to.deep.equal(viewed(replies[4]));
      });

      it('return only the replies, by sequence in both directions', async () => {
        expect(await page({ limit: 9 })).to.deep.equal({ sequences: [3, 4, 6, 7, 8], hasMore: false });
        expect(await page({ limit: 2 })).to.deep.equal({ sequences: [7, 8], hasMore: true });
        expect(await page({ before: 7, limit: 2 })).to.deep.equal({ sequences: [4, 6], hasMore: true });
        expect(await page({ before: 4, limit: 2 })).to.deep.equal({ sequences: [3], hasMore: false });
        expect(await page({ after: 3, limit: 2 })).to.deep.equal({ sequences: [4, 6], hasMore: true });
        expect(await page({ after: 7, limit: 2 })).to.deep.equal({ sequences: [8], hasMore: false });
      });

      it('keep a soft-deleted root', async () => {
        const tombstone = { ...root, body: null, deletedAt: AT };
        await owner.write(() => ({ messagesChanged: [tombstone] }));
        expect((await thread({ limit: 1 })).root).to.deep.equal(viewed(tombstone));
        expect((await thread({ limit: 1 })).replyCount).to.equal(5);
        await owner.write(() => ({ messagesRemoved: [tombstone] }));
        expect(await store.history.findThread(past(chat.chatId), root.messageId, { limit: 1 })).to.equal(null);
      });

      it('do not count a hard-deleted reply', async () => {
        const last = replies[4] ?? expect.fail('no reply');
        await owner.write(() => ({ messagesRemoved: [last], threads: [{ rootId: root.messageId, replies: -1 }] }));
        const { replyCount, lastReply } = await thread({ limit: 1 });
        expect([replyCount, lastReply?.sequence]).to.deep.equal([4, 7]);
      });

      it('are empty without replies, and null for an unknown root or another chat', async () => {
        const nothing = { replyCount: 0, lastReply: null, replies: { items: [], hasMore: false } };
        const reply = replies[0];
        expect(await store.history.findThread(past(chat.chatId), reply?.messageId ?? '', { limit: 9 })).to.deep.equal({
          ...nothing,
          root: viewed(reply),
        });
        expect(await store.history.findThread(past(chat.chatId), randomUUID(), { limit: 9 })).to.equal(null);
        expect(await store.history.findThread(past(randomUUID()), root.messageId, { limit: 9 })).to.equal(null);
      });
    });

    describe('of readers', () => {
      it('return members whose mark covers the message, without its sender and later members', async () => {
        const { messageId, sequence } = message(1);
        const member = (userId: string, readSequence: number, joinedSequence = 1, deliveredSequence = 0) =>
          aMember(chat, userId, { readSequence, joinedSequence, deliveredSequence });
        await owner.write(() => ({
          membersPut: [
            member('alice', 5, 1, 5),
            member('behind', sequence - 1, 1, sequence - 1),
            member('Ben', sequence - 1, 1, sequence),
            member('Bob', sequence),
            member('carol', 5),
            member('just-in-time', 5, sequence),
            member('late', 5, sequence + 1, 5),
            member('b.1', 4, 1, 2),
          ],
        }));
        const all = [
          { userId: 'Bob', readSequence: sequence, deliveredSequence: 0 },
          { userId: 'b.1', readSequence: 4, deliveredSequence: 2 },
          { userId: 'carol', readSequence: 5, deliveredSequence: 0 },
          { userId: 'just-in-time', readSequence: 5, deliveredSequence: 0 },
        ];
        const read = (after: string | null, limit: number, chatId = chat.chatId) =>
          store.history.listReaders(past(chatId), messageId, 'read', after, limit);
        const delivered = (after: string | null, limit: number) =>
          store.history.listReaders(past(chat.chatId), messageId, 'delivered', after, limit);
        expect(await read(null, 9)).to.deep.equal(all);
        expect(await read(null, 2)).to.deep.equal(all.slice(0, 2));
        expect(await read('b.1', 9)).to.deep.equal(all.slice(2));
        expect(await read('just-in-time', 9)).to.deep.equal([]);
        expect(await read(null, 9, randomUUID())).to.deep.equal([]);
        const reached = [{ userId: 'Ben', readSequence: sequence - 1, deliveredSequence: sequence }, ...all];
        expect(await delivered(null, 9), 'reading implies delivery').to.deep.equal(reached);
        expect(await delivered('Ben', 2)).to.deep.equal(all.slice(0, 2));
        await owner.write(() => ({ messagesRemoved: [message(1)] }));
        expect(await read(null, 9)).to.deep.equal([]);
      });
    });
  });
}
