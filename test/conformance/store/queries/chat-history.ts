import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { type SequenceRange, visiblePast } from '../../../../src/application/ports/queries/chat-history.js';
import type { Message } from '../../../../src/domain/message.js';
import { aChat, aChatWithMessages, aMember, anEvent, Owner } from '../fixtures.js';
import type { OpenStore, StoreHarness } from '../store-conformance.js';
import { past, viewed } from './views.js';

const NOTHING = { items: [], hasMore: false };

export function chatHistoryConformance(open: OpenStore): void {
  describe("as a chat's history", () => {
    let store: StoreHarness;
    let owner: Owner;
    let chatId: string;
    let messages: Message[];
    before(async () => {
      store = await open();
      owner = await Owner.of(store);
      const made = await owner.write((at) => {
        const chat = aChatWithMessages(at, 5);
        return { ...chat, chatsCreated: [chat.chat] };
      });
      ({ messages } = made);
      ({ chatId } = made.chat);
    });
    after(() => store.close());

    const page = async (range: SequenceRange, fromSequence = 1) => {
      const { items, hasMore } = await store.history.listMessages(past(chatId, { fromSequence }), range);
      return { sequences: items.map(({ sequence }) => sequence), hasMore };
    };

    describe('messages', () => {
      it('have the id of the command that created them', async () => {
        const { items } = await store.history.listMessages(past(chatId), { limit: 5 });
        expect(items).to.deep.equal(messages.map((message) => viewed(message)));
      });

      it('are read forward from a sequence', async () => {
        expect(await page({ after: 0, limit: 2 })).to.deep.equal({ sequences: [2, 3], hasMore: true });
        expect(await page({ after: 3, limit: 2 })).to.deep.equal({ sequences: [4, 5], hasMore: true });
        expect(await page({ after: 4, limit: 2 })).to.deep.equal({ sequences: [5, 6], hasMore: false });
        expect(await page({ after: 6, limit: 2 })).to.deep.equal({ sequences: [], hasMore: false });
      });

      it('are read backward from a sequence, also in ascending order', async () => {
        expect(await page({ before: 7, limit: 2 })).to.deep.equal({ sequences: [5, 6], hasMore: true });
        expect(await page({ before: 5, limit: 2 })).to.deep.equal({ sequences: [3, 4], hasMore: true });
        expect(await page({ before: 3, limit: 2 })).to.deep.equal({ sequences: [2], hasMore: false });
        expect(await page({ before: 2, limit: 2 })).to.deep.equal({ sequences: [], hasMore: false });
      });

      it('are the latest without a sequence', async () => {
        expect(await page({ limit: 3 })).to.deep.equal({ sequences: [4, 5, 6], hasMore: true });
        expect(await page({ limit: 5 })).to.deep.equal({ sequences: [2, 3, 4, 5, 6], hasMore: false });
      });

      it('are bounded on both sides if both are given', async () => {
        expect(await page({ after: 2, before: 6, limit: 2 })).to.deep.equal({ sequences: [3, 4], hasMore: true });
        expect(await page({ after: 2, before: 6, limit: 3 })).to.deep.equal({ sequences: [3, 4, 5], hasMore: false });
      });

      it('are found only in their chat', async () => {
        const messageId = messages[0]?.messageId ?? '';
        expect(await store.history.findMessage(past(chatId), messageId)).to.deep.equal(viewed(messages[0]));
        expect(await store.history.findMessage(past(randomUUID()), messageId)).to.equal(null);
        expect(await store.history.findMessage(past(chatId), randomUUID())).to.equal(null);
      });

      it('are empty for an unknown chat', async () => {
        expect(await store.history.listMessages(past(randomUUID()), { limit: 5 })).to.deep.equal(NOTHING);
      });

      it('leave a tombstone after a soft deletion, and nothing after a hard one', async () => {
        const { chat, messages: made } = await owner.write((at) => {
          const chat = aChatWithMessages(at, 3);
          return { ...chat, chatsCreated: [chat.chat] };
        });
        const [first, second, third] = made as [Message, Message, Message];
        const tombstone = { ...first, body: null, deletedAt: new Date('2026-11-21T00:00:00.000Z') };
        await owner.write(() => ({ messagesChanged: [tombstone], messagesRemoved: [second] }));
        const { items } = await store.history.listMessages(past(chat.chatId), { limit: 5 });
        expect(items).to.deep.equal([viewed(tombstone), viewed(third)]);
        expect(await store.history.findMessage(past(chat.chatId), first.messageId)).to.deep.equal(viewed(tombstone));
        expect(await store.history.findMessage(past(chat.chatId), second.messageId)).to.equal(null);
      });
    });

    describe('events', () => {
      it('are read after a sequence, up to a limit', async () => {
        const { chat, events } = await owner.write((at) => {
          const made = aChatWithMessages(at, 3);
          return { ...made, chatsCreated: [made.chat] };
        });
        const read = (after: number) => store.history.listEvents(past(chat.chatId), after, 2);
        expect(await read(0)).to.deep.equal({ items: events.slice(0, 2), hasMore: true });
        expect(await read(2)).to.deep.equal({ items: events.slice(2), hasMore: false });
        expect(await read(4)).to.deep.equal(NOTHING);
        expect(await store.history.listEvents(past(randomUUID()), 0, 2)).to.deep.equal(NOTHING);
      });
    });

    describe('visible from a sequence on', () => {
      it('begins with the first event of the chat, or with the joining event', () => {
        const ofAll = aChat();
        const sinceJoined = aChat({ historyVisibility: 'since-joined' });
        const from = (chat: typeof ofAll) =>
          visiblePast({ chat, membership: aMember(chat, 'bob', { joinedSequence: 7 }) });
        expect(from(ofAll)).to.deep.equal({ chatId: ofAll.chatId, userId: 'bob', fromSequence: 1 });
        expect(from(sinceJoined)).to.deep.equal({ chatId: sinceJoined.chatId, userId: 'bob', fromSequence: 7 });
      });

      it('has no earlier messages, in either direction', async () => {
        expect(await page({ limit: 9 }, 4)).to.deep.equal({ sequences: [4, 5, 6], hasMore: false });
        expect(await page({ limit: 2 }, 4)).to.deep.equal({ sequences: [5, 6], hasMore: true });
        expect(await page({ limit: 9, before: 6 }, 4)).to.deep.equal({ sequences: [4, 5], hasMore: false });
        expect(await page({ limit: 9, before: 4 }, 4)).to.deep.equal({ sequences: [], hasMore: false });
        expect(await page({ limit: 1, after: 0 }, 4)).to.deep.equal({ sequences: [4], hasMore: true });
        expect(await page({ limit: 9, after: 4 }, 4)).to.deep.equal({ sequences: [5, 6], hasMore: false });
        expect(await page({ limit: 9 }, 7)).to.deep.equal({ sequences: [], hasMore: false });
      });

      it('has no earlier message by id', async () => {
        const [, second] = messages as [Message, Message];
        const find = (fromSequence: number) =>
          store.history.findMessage(past(chatId, { fromSequence }), second.messageId);
        expect(await find(3)).to.deep.equal(viewed(second));
        expect(await find(4)).to.equal(null);
      });

      it('has no earlier events, and no later text of an earlier message', async () => {
        const { chat, events } = await owner.write((at) => {
          const made = aChatWithMessages(at, 2, { lastSequence: 5 });
          const [first, second] = made.messages as [Message, Message];
          const edited = (message: Message, sequence: number) => {
            const revision = {
              ...message,
              revision: 2,
              body: `edited ${sequence}`,
              editedAt: message.createdAt,
              editedBy: 'alice',
            };
            const position = at + made.events.length + sequence - 3;
            return {
              revision,
              event: anEvent(
                position,
                { type: 'message.edited', message: revision },
                { chatId: message.chatId, sequence },
              ),
            };
          };
          const edits = [edited(first, 4), edited(second, 5)];
          return {
            chat: made.chat,
            chatsCreated: [made.chat],
            messages: edits.map(({ revision }) => revision),
            revisions: made.messages.map(({ messageId, mentions, metadata, createdAt }, index) => ({
              ...{ messageId, revision: 1, body: `message ${index + 2}`, mentions, metadata },
              ...{ actorId: 'alice', at: createdAt },
            })),
            events: [...made.events, ...edits.map(({ event }) => event)],
          };
        });
        const read = async (fromSequence: number) => {
          const { items } = await store.history.listEvents(past(chat.chatId, { fromSequence }), 0, 9);
          return items.map(({ sequence, event }) => [
            sequence,
            event.type,
            'message' in event ? event.message.body : null,
          ]);
        };
        expect(events).to.have.length(5);
        expect(await read(3)).to.deep.equal([
          [3, 'message.created', 'message 3'],
          [4, 'message.edited', null],
          [5, 'message.edited', 'edited 5'],
        ]);
        expect(await read(1)).to.deep.equal([
          [1, 'chat.created', null],
          [2, 'message.created', 'message 2'],
          [3, 'message.created', 'message 3'],
          [4, 'message.edited', 'edited 4'],
          [5, 'message.edited', 'edited 5'],
        ]);
      });

      it('has threads, revisions and readers only of visible messages', async () => {
        const { chat, messages: made } = await owner.write((at) => {
          const chat = aChatWithMessages(at, 1);
          const [message] = chat.messages as [Message];
          const earlier = { messageId: message.messageId, revision: 1, body: 'old', mentions: [], metadata: {} };
          return {
            ...chat,
            chatsCreated: [chat.chat],
            membersPut: [aMember(chat.chat, 'bob', { readSequence: 2 })],
            revisions: [{ ...earlier, actorId: 'alice', at: message.createdAt }],
          };
        });
        const messageId = made[0]?.messageId ?? '';
        const seen = async (fromSequence: number) => {
          const visible = past(chat.chatId, { fromSequence });
          return [
            (await store.history.findThread(visible, messageId, { limit: 1 }))?.root.messageId,
            (await store.history.listRevisions(visible, messageId, 0, 9)).length,
            (await store.history.listReaders(visible, messageId, 'read', null, 9)).length,
          ];
        };
        expect(await seen(2)).to.deep.equal([messageId, 1, 1]);
        expect(await seen(3)).to.deep.equal([undefined, 0, 0]);
      });
    });
  });
}
