import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type {
  FoundMessage,
  SearchPosition,
  SearchQuery,
} from '../../../../src/application/ports/queries/message-search.js';
import type { Chat, Member } from '../../../../src/domain/chat.js';
import { eraseMessage, type Message, stubOf } from '../../../../src/domain/message.js';
import { aChatWithMessages, aMember, later, Owner } from '../fixtures.js';
import { type OpenStore, type StoreHarness, searchOf } from '../store-conformance.js';

const DAY_MS = 86_400_000;

export function messageSearchConformance(open: OpenStore): void {
  describe('as message search', () => {
    let store: StoreHarness;
    let owner: Owner;
    let alice: { tenantId: string; userId: string };
    before(async () => {
      store = await open();
      owner = await Owner.of(store);
    });
    after(() => store.close());
    beforeEach(() => {
      alice = { tenantId: 'default', userId: `alice-${randomUUID()}` };
    });

    /** The time of the nth text; all of them have passed. */
    const day = (n: number) => later((n - 30) * DAY_MS);

    /** A chat of alice's with these texts, each a day after the one before. */
    async function said(
      texts: string[],
      over: Partial<Chat> = {},
      membership: Partial<Member> = {},
      at: (index: number) => Date = day,
    ) {
      return owner.write((position) => {
        const made = aChatWithMessages(position, texts.length, { createdAt: day(0), ...over });
        const messages = made.messages.map((message, index) => ({
          ...message,
          body: texts[index] ?? null,
          createdAt: at(index),
        }));
        return {
          ...made,
          messages,
          chatsCreated: [made.chat],
          membersPut: [aMember(made.chat, alice.userId, membership)],
        };
      });
    }
    const search = async (query: SearchQuery, from: SearchPosition | null = null, limit = 100, caller = alice) => {
      await store.settleSearch?.();
      return (await searchOf(store).search(caller, 'all', query, from, limit)).found;
    };
    const found = async (text: string, over: Partial<SearchQuery> = {}) =>
      (await search({ text, ...over })).map(({ message }) => message.body);
    const change = (message: Message | undefined, over: Partial<Message>) =>
      owner.write(() => ({ messagesChanged: [{ ...(message as Message), ...over }] }));

    it('finds messages with all words, ignoring case, newest first', async () => {
      await said(['Tea at five', 'coffee at six', 'More TEA, at seven', 'teapot']);
      expect(await found('tea')).to.deep.equal(['More TEA, at seven', 'Tea at five']);
      expect(await found('at tea')).to.deep.equal(['More TEA, at seven', 'Tea at five']);
      expect(await found('tea six')).to.deep.equal([]);
      expect(await found('…')).to.deep.equal([]);
    });

    it('finds words next to punctuation and symbols of any script', async () => {
      const words: [text: string, word: string][] = [
        ['He said “hello” to me', 'hello'],
        ['wait—what', 'wait'],
        ['wait—what', 'what'],
        ['a–b range', 'range'],
        ['ok…', 'ok'],
        ['«bonjour»', 'bonjour'],
        ['„Hallo“', 'hallo'],
        ['¿qué pasa?', 'qué'],
        ['¡hola!', 'hola'],
        ['it’s fine', 'it'],
        ['‘tis', 'tis'],
        ['hello\u00a0world', 'world'],
        ['thin\u2009space', 'space'],
        ['•item', 'item'],
        ['done✓', 'done'],
        ['nice👍', 'nice'],
        ['❤️love', 'love'],
        ['20°C', '20'],
        ['5€', '5'],
        ['£7', '7'],
        ['→next', 'next'],
        ['3×4', '4'],
        ['§12', '12'],
        ['brand™', 'brand'],
        ['привет—мир', 'мир'],
        ['مرحبا، كيف', 'مرحبا'],
        ['كيف حالك؟', 'حالك'],
        ['नमस्ते।', 'नमस्ते'],
        ['שלום־עולם', 'עולם'],
        ['「東京」へ', '東京'],
        ['上海。', '上海'],
        ['안녕、친구', '친구'],
      ];
      await said(words.map(([text]) => text));
      const lost: string[] = [];
      for (const [text, word] of words) if (!(await found(word)).includes(text)) lost.push(`${word} in ${text}`);
      expect(lost).to.deep.equal([]);
    });

    it('finds messages that are older than their chat', async () => {
      await said(['tea long ago', 'tea then'], { createdAt: day(29) }, {}, (index) => later((index - 20_000) * DAY_MS));
      await said(['tea now'], { createdAt: day(29) }, {}, () => day(29));
      expect(await found('tea')).to.deep.equal(['tea now', 'tea then', 'tea long ago']);
    });

    it('returns the chat view of the caller, and highlights', async () => {
      const { chat, messages } = await said(['some tea, please']);
      const [hit] = (await search({ text: 'TEA' })) as [FoundMessage];
      expect(hit.view.chat.chatId).to.equal(chat.chatId);
      expect(hit.view.membership.userId).to.equal(alice.userId);
      expect(hit.message).to.deep.include({ messageId: messages[0]?.messageId, commandId: 'command-2', reactions: [] });
      expect(hit.highlights).to.deep.equal([
        [
          { text: 'some ', match: false },
          { text: 'tea', match: true },
          { text: ', please', match: false },
        ],
      ]);
    });

    it("finds nothing in other users' chats, in another tenant, or before the visible history", async () => {
      await said(['secret tea'], {}, { userId: 'somebody else' });
      await said(['early tea', 'late tea'], { historyVisibility: 'since-joined' }, { joinedSequence: 3 });
      expect(await found('tea')).to.deep.equal(['late tea']);
      expect(await search({ text: 'tea' }, null, 10, { ...alice, tenantId: 'other' })).to.deep.equal([]);
    });

    it('finds only the present text of an edited message, and no deleted one', async () => {
      const { messages } = await said(['first tea', 'second tea', 'third tea']);
      await change(messages[0], { body: 'now coffee', revision: 2 });
      await change(eraseMessage(messages[1] as Message, later(9)), {});
      await owner.write(() => ({ messagesRemoved: [stubOf(messages[2] as Message)] }));
      expect(await found('tea')).to.deep.equal([]);
      expect(await found('coffee')).to.deep.equal(['now coffee']);
    });

    it('filters by chat, sender and time', async () => {
      const here = await said(['tea one', 'tea two', 'tea three']);
      await said(['tea elsewhere']);
      expect(await found('tea', { chatId: here.chat.chatId })).to.deep.equal(['tea three', 'tea two', 'tea one']);
      expect(await found('tea', { chatId: here.chat.chatId, senderId: 'nobody' })).to.deep.equal([]);
      expect(await found('tea', { chatId: here.chat.chatId, from: day(1) })).to.deep.equal(['tea three', 'tea two']);
      expect(await found('tea', { chatId: here.chat.chatId, to: day(1) })).to.deep.equal(['tea one']);
    });

    it('continues where a page ended, for any page size, also with equal times', async () => {
      const { chat } = await said(
        Array.from({ length: 9 }, (_, index) => `tea ${index}`),
        {},
        {},
        (index) => day(Math.floor(index / 4)),
      );

      const all = await search({ text: 'tea', chatId: chat.chatId });
      expect(all).to.have.length(9);
      for (const size of [1, 2, 4, 9]) {
        const paged: FoundMessage[] = [];
        for (;;) {
          const last = paged.at(-1)?.message ?? null;
          const page = await search({ text: 'tea', chatId: chat.chatId }, last, size);
          if (page.length === 0) break;
          expect(page.length).to.be.at.most(size);
          paged.push(...page);
        }
        expect(paged).to.deep.equal(all);
      }
    });
  });
}
