/**
 * What batches write of messages beyond their sending: changes, deletions, earlier texts, reactions, threads; and who
 * left.
 */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import {
  memberKey,
  messageEmojiKey,
  reactionKey,
  reactorKey,
  readMarkKey,
} from '../../../../src/application/ports/store/command-store.js';
import type { Chat } from '../../../../src/domain/chat.js';
import { editMessage, eraseMessage, type Message, stubOf } from '../../../../src/domain/message.js';
import { AT, aChatWithMessages, aMember, aMessage, created, later, Owner, trickyMetadata } from '../fixtures.js';
import type { OpenStore, StoreHarness } from '../store-conformance.js';
import { past } from './views.js';

const FAMILY = '👩‍👩‍👧';

export function messageRowsConformance(open: OpenStore): void {
  describe('as message store', () => {
    let store: StoreHarness;
    let owner: Owner;
    let chat: Chat;
    let first: Message;
    let second: Message;
    let third: Message;
    before(async () => {
      store = await open();
      owner = await Owner.of(store);
    });
    beforeEach(async () => {
      const made = await owner.write((at) => {
        const { chat, messages, events } = aChatWithMessages(at, 3);
        return { chatsCreated: [chat], messages, events };
      });
      chat = made.chatsCreated[0] as Chat;
      [first, second, third] = made.messages as [Message, Message, Message];
    });
    after(() => store.close());

    const inFull = async (...ids: string[]) => [...(await owner.read({ messagesInFull: ids })).messagesInFull.values()];
    const reactionOf = (userId: string, emoji = '👍', messageId = first.messageId) => ({ messageId, emoji, userId });

    it('returns any message in full if requested', async () => {
      const full = aMessage(chat, 5, {
        ...{ ordinal: 4, body: 'Zoë 👩‍👩‍👧 "quoted" \\ {a,b} NULL\n', contentType: 'text/markdown', revision: 7 },
        ...{ inReplyTo: first.messageId, threadRootId: second.messageId, mentions: ['bob', 'a,b'] },
        attachments: [{ url: 'https://example.org/ü?a="1"', mediaType: 'image/png', size: 2 ** 40, name: 'ü "1".png' }],
        ...{ createdAt: later(1), editedAt: later(2), editedBy: 'carol' },
      });
      await owner.write(() => ({ messages: [full] }));
      expect(await inFull(randomUUID(), full.messageId, third.messageId)).to.have.deep.members([full, third]);
      expect((await owner.read({})).messagesInFull.size).to.equal(0);
    });

    it('replaces the edited fields, and keeps the earlier texts', async () => {
      const text = { body: 'new "text"', mentions: ['zoe'], metadata: trickyMetadata() };
      const once = editMessage(first, text, 'bob', later(10));
      const twice = editMessage(once.message, { body: 'newer', mentions: [], metadata: {} }, 'carol', later(20));
      await owner.write(() => ({ messagesChanged: [once.message], revisions: [once.earlier] }));
      expect(JSON.stringify(await inFull(first.messageId))).to.equal(JSON.stringify([once.message]));
      await owner.write(() => ({ messagesChanged: [twice.message], revisions: [twice.earlier] }));
      expect(await inFull(first.messageId, second.messageId)).to.have.deep.members([twice.message, second]);
      const kept = await store.rows.revisions(first.messageId);
      expect(JSON.stringify(kept.map(({ body, mentions, metadata }) => ({ body, mentions, metadata })))).to.equal(
        JSON.stringify([{ body: first.body, mentions: [], metadata: {} }, text]),
      );
      expect(kept.map(({ revision, actorId, at }) => ({ revision, actorId, at }))).to.deep.equal([
        { revision: 1, actorId: 'alice', at: AT },
        { revision: 2, actorId: 'bob', at: later(10) },
      ]);
    });

    it('leaves a tombstone of a soft-deleted message, without its earlier texts and with its reactions', async () => {
      const { message, earlier } = editMessage(first, { body: 'x', mentions: [], metadata: {} }, 'alice', later(1));
      const reaction = { ...reactionOf('bob'), present: true, at: AT };
      await owner.write(() => ({ messagesChanged: [message], revisions: [earlier], reactions: [reaction] }));
      const tombstone = eraseMessage(message, later(2));
      await owner.write(() => ({ messagesChanged: [tombstone], revisionsErased: [first.messageId] }));
      expect(await inFull(first.messageId)).to.deep.equal([tombstone]);
      expect(await store.rows.revisions(first.messageId)).to.deep.equal([]);
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([['👍', 1]]);
      const { messages } = await owner.read({ messages: [first.messageId] });
      expect(messages.get(first.messageId)?.deletedAt).to.deep.equal(later(2));
    });

    it('leaves only the stub of a hard-deleted message', async () => {
      const { message, earlier } = editMessage(second, { body: 'x', mentions: [], metadata: {} }, 'alice', later(1));
      const reactions = ['bob', 'carol'].map((userId) => ({
        ...reactionOf(userId, FAMILY, second.messageId),
        ...{ present: true, at: AT },
      }));
      const threads = [{ rootId: second.messageId, replies: 2 }];
      await owner.write(() => ({ messagesChanged: [message], revisions: [earlier], reactions, threads }));
      await owner.write(() => ({ messagesRemoved: [stubOf(second)] }));
      const { messageId } = second;
      const snapshot = await owner.read({ messages: [messageId], messagesInFull: [messageId], reactions });
      expect([snapshot.messages.size, snapshot.messagesInFull.size, snapshot.reactions.size]).to.deep.equal([0, 0, 0]);
      expect(await store.rows.revisions(messageId)).to.deep.equal([]);
      expect(await store.rows.reactionCounts(messageId)).to.deep.equal([]);
      expect(await store.rows.replies(messageId)).to.equal(0);
      expect(await store.rows.stubs(chat.chatId)).to.deep.equal([stubOf(second)]);
      expect(await store.history.findMessage(past(chat.chatId), messageId)).to.equal(null);
      expect(await inFull(first.messageId, third.messageId)).to.have.length(2);
    });

    it('writes all of that in one batch, each to its own message', async () => {
      const fourth = aMessage(chat, 5, { ordinal: 4, threadRootId: first.messageId });
      const edited = editMessage(first, { body: 'edited', mentions: [], metadata: {} }, 'alice', later(1));
      const gone = aMessage(chat, 6, { ordinal: 5 });
      await owner.write((at) => ({
        messages: [fourth],
        events: [created(at + 1, fourth)],
        messagesChanged: [edited.message, eraseMessage(second, later(1))],
        // One that was never there before: sent and deleted within the batch.
        messagesRemoved: [stubOf(third), stubOf(gone)],
        revisions: [edited.earlier],
        revisionsErased: [second.messageId],
        reactions: [{ ...reactionOf('bob', '👍', fourth.messageId), present: true, at: AT }],
        threads: [
          { rootId: first.messageId, replies: 1 },
          { rootId: third.messageId, replies: -1 },
        ],
      }));
      expect(
        await inFull(...[first, second, third, fourth, gone].map(({ messageId }) => messageId)),
      ).to.have.deep.members([...[edited.message, eraseMessage(second, later(1)), fourth]]);
      expect(await store.rows.stubs(chat.chatId)).to.deep.equal([stubOf(third), stubOf(gone)]);
      expect(await store.rows.reactionCounts(fourth.messageId)).to.deep.equal([['👍', 1]]);
      expect(await store.rows.replies(first.messageId)).to.equal(1);
      expect(await store.rows.replies(third.messageId)).to.equal(0);
      const { items } = await store.history.listMessages(past(chat.chatId), { limit: 10 });
      expect(items.map(({ sequence, body }) => [sequence, body])).to.deep.equal([
        ...[
          [2, 'edited'],
          [3, null],
          [5, 'message 5'],
        ],
      ]);
    });

    it('returns existing reactions, and counts them by emoji', async () => {
      const put = (present: boolean, ...reactions: ReturnType<typeof reactionOf>[]) =>
        owner.write(() => ({ reactions: reactions.map((reaction) => ({ ...reaction, present, at: AT })) }));
      const names = ['alice', 'bob', 'carol'];
      await put(
        true,
        ...names.map((userId) => reactionOf(userId)),
        reactionOf('bob', FAMILY),
        reactionOf('bob', ':a b:'),
      );
      await put(true, reactionOf('bob', '👍', second.messageId));
      const asked = [
        ...[reactionOf('alice'), reactionOf('alice', FAMILY), reactionOf('bob', FAMILY), reactionOf('bob', ':a b:')],
        ...[reactionOf('zoe'), reactionOf('alice', '👍', second.messageId)],
      ];
      const there = [reactionOf('alice'), reactionOf('bob', FAMILY), reactionOf('bob', ':a b:')];
      expect((await owner.read({ reactions: asked })).reactions).to.deep.equal(new Set(there.map(reactionKey)));
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([
        ...[
          [':a b:', 1],
          ['👍', 3],
          [FAMILY, 1],
        ],
      ]);
      await put(false, reactionOf('alice'), reactionOf('bob', FAMILY), reactionOf('bob', ':a b:'));
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([['👍', 2]]);
      await put(true, reactionOf('bob', FAMILY));
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([
        ...[
          ['👍', 2],
          [FAMILY, 1],
        ],
      ]);
      expect(await store.rows.reactionCounts(second.messageId)).to.deep.equal([['👍', 1]]);
    });

    it('counts an added and a removed reaction of one batch', async () => {
      const put = (userId: string, present: boolean) => ({ ...reactionOf(userId), present, at: AT });
      await owner.write(() => ({ reactions: [put('alice', true), put('bob', true)] }));
      await owner.write(() => ({ reactions: [put('alice', false), put('carol', true)] }));
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([['👍', 2]]);
      await owner.write(() => ({ reactions: [put('bob', false), put('carol', false), put('alice', true)] }));
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([['👍', 1]]);
    });

    it('deletes a count of 0, with any other changes in the same batch', async () => {
      const put = (userId: string, emoji: string, present: boolean) => ({
        ...reactionOf(userId, emoji),
        ...{ present, at: AT },
      });
      await owner.write(() => ({
        reactions: [put('alice', '👍', true), put('bob', '👍', true), put('bob', ':a:', true)],
      }));
      await owner.write(() => ({
        reactions: [put('bob', ':a:', false), put('bob', '👍', false), put('bob', ':b:', true)],
      }));
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([
        [':b:', 1],
        ['👍', 1],
      ]);
      await owner.write(() => ({ reactions: [put('bob', ':b:', false), put('alice', '👍', false)] }));
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([]);
      await owner.write(() => ({ reactions: [put('bob', ':b:', true)] }));
      expect(await store.rows.reactionCounts(first.messageId)).to.deep.equal([[':b:', 1]]);
    });

    it('returns the number of emoji of all users, and of one user, on a message', async () => {
      const { messageId } = first;
      const put = (userId: string, emoji: string, to = messageId) => ({
        ...{ messageId: to, emoji, userId },
        ...{ present: true, at: AT },
      });
      await owner.write(() => ({
        reactions: [
          ...[put('alice', '👍'), put('bob', '👍'), put('bob', FAMILY), put('carol', ':a:')],
          put('bob', ':elsewhere:', second.messageId),
        ],
      }));
      const [thumb, other] = [reactionOf('bob'), reactionOf('bob', ':new:')];
      const untouched = { ...other, messageId: third.messageId };
      const snapshot = await owner.read({
        reactions: [thumb, other, untouched],
        reactors: ['alice', 'bob', 'zoe'].map((userId) => ({ messageId, userId })),
      });
      expect(snapshot.reactions).to.deep.equal(new Set([reactionKey(thumb)]));
      expect([thumb, other, untouched].map((key) => snapshot.reactionCounts.get(messageEmojiKey(key)))).to.deep.equal([
        ...[2, 0, 0],
      ]);
      expect([messageId, third.messageId].map((id) => snapshot.emojiOfMessages.get(id))).to.deep.equal([3, 0]);
      expect(
        ['alice', 'bob', 'zoe'].map((userId) => snapshot.emojiOfReactors.get(reactorKey({ messageId, userId }))),
      ).to.deep.equal([1, 2, 0]);
    });

    it('counts the replies of a thread, and none after its root is deleted', async () => {
      const count = (replies: number, rootId = first.messageId) =>
        owner.write(() => ({ threads: [{ rootId, replies }] }));
      for (const [by, expected] of [
        ...[[1, 1] as const, [3, 4] as const, [-2, 2] as const, [-2, 0] as const, [1, 1] as const],
      ]) {
        await count(by);
        expect(await store.rows.replies(first.messageId)).to.equal(expected);
      }
      const nowhere = randomUUID();
      await count(-1, nowhere);
      expect(await store.rows.replies(nowhere)).to.equal(0);
    });

    it('returns the number of messages that a read mark covers, including deleted ones', async () => {
      const covered = async () => {
        const marks = [0, 1, 2, 3, 4, 100, Number.MAX_SAFE_INTEGER].map((upTo) => ({ chatId: chat.chatId, upTo }));
        const { ordinals } = await owner.read({ readMarks: marks });
        return marks.map((mark) => ordinals.get(readMarkKey(mark)));
      };
      expect(await covered()).to.deep.equal([0, 0, 1, 2, 3, 3, 3]);
      await owner.write(() => ({ messagesChanged: [eraseMessage(second, AT)], messagesRemoved: [stubOf(third)] }));
      expect(await covered()).to.deep.equal([0, 0, 1, 2, 3, 3, 3]);
      await owner.write(() => ({ messagesRemoved: [stubOf(first)] }));
      expect(await covered()).to.deep.equal([0, 0, 1, 2, 3, 3, 3]);
      const elsewhere = { chatId: randomUUID(), upTo: 5 };
      expect((await owner.read({ readMarks: [elsewhere] })).ordinals.get(readMarkKey(elsewhere))).to.equal(0);
    });

    it("stores the position of a member's last departure", async () => {
      const { chatId, tenantId } = chat;
      const bob = aMember(chat, 'bob');
      const leave = (position: number) =>
        owner.write(() => ({
          membersRemoved: [{ tenantId, chatId, userId: 'bob', partition: 0, position, mutedUntil: null }],
        }));
      await owner.write(() => ({ membersPut: [bob, aMember(chat, 'carol')] }));
      expect(await store.rows.departure(bob)).to.equal(null);
      await leave(2 ** 40);
      expect(await store.rows.departure(bob)).to.deep.equal({ partition: 0, position: 2 ** 40 });
      await owner.write(() => ({ membersPut: [bob] }));
      await leave(2 ** 40 + 1);
      expect(await store.rows.departure(bob)).to.deep.equal({ partition: 0, position: 2 ** 40 + 1 });
      expect(await store.rows.departure({ ...bob, userId: 'carol' })).to.equal(null);
      expect((await owner.read({ members: [bob] })).members.size).to.equal(0);
    });

    it('returns the mute with which a member last left', async () => {
      const { chatId, tenantId } = chat;
      const keys = ['bob', 'carol', 'dave'].map((userId) => ({ tenantId, chatId, userId }));
      const [bob, carol] = keys as [(typeof keys)[0], (typeof keys)[0]];
      const mutes = async () => Object.fromEntries((await owner.read({ formerMutes: keys })).formerMutes);
      const leave = (mutedUntil: Date | null) =>
        owner.write((at) => ({
          membersRemoved: [
            { ...bob, partition: 0, position: at, mutedUntil },
            { ...carol, partition: 0, position: at, mutedUntil: null },
          ],
        }));
      await owner.write(() => ({ membersPut: [aMember(chat, 'bob'), aMember(chat, 'carol')] }));
      expect(await mutes()).to.deep.equal({});
      await leave(later(5));
      expect(await mutes()).to.deep.equal({ [memberKey(bob)]: later(5) });
      await leave(later(7));
      expect(await mutes()).to.deep.equal({ [memberKey(bob)]: later(7) });
      await leave(null);
      expect(await mutes()).to.deep.equal({});
    });

    it('stores the history visibility and log position of a new chat', async () => {
      const made = aChatWithMessages(0, 0, {
        historyVisibility: 'since-joined',
        historySequence: 3,
        lastPosition: 2 ** 40,
      });
      await owner.write(() => ({ chatsCreated: [made.chat] }));
      const { chats } = await owner.read({ chats: [made.chat.chatId] });
      expect(chats.get(made.chat.chatId)).to.deep.equal(made.chat);
    });
  });
}
