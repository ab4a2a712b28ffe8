/**
 * A message's texts as the log tells them: before and after edits and deletions, equal to the byte to what is published
 * from memory.
 */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { encodeEvent } from '../../../../src/application/outbox/render-event.js';
import type { LoggedEvent } from '../../../../src/application/ports/store/log/event-log.js';
import { editMessage, eraseMessage, type Message, messageOfStub, stubOf } from '../../../../src/domain/message.js';
import { everyoneOf } from '../../../unit/application/outbox/audiences.js';
import { aChat, aMessage, anEvent, created, later, Owner, trickyMetadata } from '../fixtures.js';
import type { OpenStore, StoreHarness } from '../store-conformance.js';
import { past } from './views.js';

const ALL = 100;
const whom = everyoneOf('alice', 'bob');
const wire = (event: LoggedEvent) =>
  Buffer.from(encodeEvent(event, whom, { storeId: 'store', recipientsMax: 10 }).body).toString();

export function messageTextsConformance(open: OpenStore): void {
  describe('as text store', () => {
    let store: StoreHarness;
    let owner: Owner;
    let message: Message;
    /** What was published from memory: the creation, then each edit. */
    let published: LoggedEvent[];
    before(async () => {
      store = await open();
      owner = await Owner.of(store);
    });
    after(() => store.close());

    beforeEach(async () => {
      const chat = aChat();
      message = aMessage(chat, 2, {
        ...{ mentions: ['bob'], metadata: trickyMetadata(), senderId: 'alice', threadRootId: randomUUID() },
        attachments: [{ url: 'https://example.org/a', mediaType: 'image/png', size: 3, name: 'a' }],
        contentType: 'text/markdown',
      });
      const { events } = await owner.write((at) => ({
        chatsCreated: [chat],
        messages: [message],
        events: [created(at + 1, message)],
      }));
      published = events;
    });

    /** Edits the message in its own batch. */
    async function edit(text: Pick<Message, 'body' | 'mentions' | 'metadata'>): Promise<void> {
      const edited = editMessage(message, text, 'alice', later(message.revision));
      message = edited.message;
      const { chatId } = message;
      const { events } = await owner.write((at) => ({
        messagesChanged: [edited.message],
        revisions: [edited.earlier],
        events: [
          anEvent(
            at + 1,
            { type: 'message.edited', message: edited.message },
            { chatId, sequence: message.revision + 1, at: later(message.revision - 1) },
          ),
        ],
      }));
      published.push(...events);
    }

    const fromLog = () => store.log.readEvents(0, (published[0]?.position ?? 0) - 1, ALL);

    it('returns with each event the text of its revision, after any number of edits', async () => {
      expect((await fromLog()).map(wire)).to.deep.equal(published.map(wire));
      await edit({ body: 'second "text"', mentions: [], metadata: {} });
      expect((await fromLog()).map(wire)).to.deep.equal(published.map(wire));
      await edit({ body: 'third', mentions: ['bob', 'zoe'], metadata: trickyMetadata() });
      await edit({ body: 'fourth', mentions: [], metadata: { a: 1 } });
      const again = await fromLog();
      expect(again.map(wire)).to.deep.equal(published.map(wire));
      const bodies = again.map(({ event }) => ('message' in event ? event.message.body : ''));
      expect(bodies).to.deep.equal(['message 2', 'second "text"', 'third', 'fourth']);
      // By sequence, too: what a client that was away applies.
      const { items } = await store.history.listEvents(past(message.chatId), 1, ALL);
      expect(items.map(wire)).to.deep.equal(published.map(wire));
      expect(JSON.stringify(again[0])).to.equal(JSON.stringify(published[0]));
    });

    for (const mode of ['soft', 'hard'] as const)
      it(`returns no text after the deletion of the message, like the publisher's memory (${mode})`, async () => {
        await edit({ body: 'second', mentions: ['bob'], metadata: { a: 1 } });
        await edit({ body: 'third', mentions: [], metadata: {} });
        const left = mode === 'soft' ? eraseMessage(message, later(9)) : messageOfStub(stubOf(message));
        await owner.write(() =>
          mode === 'soft'
            ? { messagesChanged: [left], revisionsErased: [left.messageId] }
            : { messagesRemoved: [stubOf(message)] },
        );
        /** As `withoutErasedText` leaves them in a batch that is yet to be published. */
        const erased = published.map((logged) => {
          const { event } = logged;
          if (event.type !== 'message.created' && event.type !== 'message.edited') return logged;
          const { revision, editedAt, editedBy } = event.message;
          return { ...logged, event: { type: event.type, message: { ...left, revision, editedAt, editedBy } } };
        });
        const again = await fromLog();
        expect(again.map(wire)).to.deep.equal(erased.map(wire));
        for (const text of again.map(wire)) expect(text).to.include('"body":null').and.include('"erased":true');
        const { items } = await store.history.listEvents(past(message.chatId), 1, ALL);
        expect(items.map(wire)).to.deep.equal(erased.map(wire));
      });
  });
}
