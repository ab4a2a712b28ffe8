import { expect } from 'chai';
import type { VisiblePast } from '../../../src/application/ports/queries/chat-history.js';
import { PAGE_MAX_BYTES } from '../../../src/contract/rest/requests.js';
import { AT, aChatWithMessages, aMember, Owner } from '../../conformance/store/fixtures.js';
import { openPrismaStore, type PrismaHarness } from './prisma-harness.js';

const MESSAGES = 100;
/** 64 KB of UTF-8. */
const LONG = '𝔞'.repeat(16_000);
/** One item more than a page holds may be read. */
const READ_MAX_BYTES = PAGE_MAX_BYTES + 100_000;

describe('The Prisma store with long texts', () => {
  let store: PrismaHarness;
  let past: VisiblePast;
  let rootId: string;
  let chatIds: string[];
  const alice = { tenantId: 'default', userId: 'alice' };

  before(async function () {
    this.timeout(60_000);
    store = await openPrismaStore();
    const owner = await Owner.of(store);
    const chats = [];
    for (let index = 0; index < 3; index += 1)
      chats.push(
        await owner.write((position) => {
          const made = aChatWithMessages(position, MESSAGES / (index === 0 ? 1 : 10));
          const [root] = made.messages;
          const messages = made.messages.map((message, place) => ({
            ...message,
            body: `tea ${place} ${LONG}`,
            threadRootId: place === 0 ? null : (root?.messageId ?? null),
          }));
          return { ...made, messages, chatsCreated: [made.chat], membersPut: [aMember(made.chat, 'alice')] };
        }),
      );
    chatIds = chats.map(({ chat }) => chat.chatId).sort();
    const [first] = chats;
    const root = first?.messages[0];
    if (first === undefined || root === undefined) throw new Error('there is no message');
    past = { chatId: first.chat.chatId, userId: 'alice', fromSequence: 1 };
    rootId = root.messageId;
    await owner.write(() => ({
      messagesChanged: [{ ...root, body: 'now short', revision: MESSAGES + 1 }],
      revisions: Array.from({ length: MESSAGES }, (_, index) => ({
        ...{ messageId: rootId, revision: index + 1, body: `${index} ${LONG}`, mentions: [], metadata: {} },
        ...{ actorId: 'alice', at: AT },
      })),
    }));
  });
  after(() => store.close());

  const bytesOf = (items: readonly object[]) => Buffer.byteLength(JSON.stringify(items));

  it('reads at most one page of a chat, a thread or a log, and reports that there is more', async () => {
    const { history } = store;
    const range = { limit: MESSAGES };
    const pages = {
      latest: await history.listMessages(past, range),
      first: await history.listMessages(past, { ...range, after: 0 }),
      thread: (await history.findThread(past, rootId, range))?.replies ?? { items: [], hasMore: false },
      events: await history.listEvents(past, 0, MESSAGES),
    };
    for (const [name, { items, hasMore }] of Object.entries(pages)) {
      expect(bytesOf(items), name).to.be.within(PAGE_MAX_BYTES - 100_000, READ_MAX_BYTES);
      expect(hasMore, name).to.equal(true);
    }
    const sequences = pages.latest.items.map(({ sequence }) => sequence);
    expect(sequences.at(-1)).to.equal(MESSAGES + 1);
    expect(sequences).to.deep.equal(sequences.toSorted((a, b) => a - b));
    expect(pages.first.items[0]?.sequence).to.equal(2);
    expect(pages.events.items.map(({ sequence }) => sequence)).to.deep.equal(
      pages.events.items.map((_, index) => index + 1),
    );
  });

  it('reads everything requested if it fits', async () => {
    const page = await store.history.listMessages(past, { limit: 10, after: 0 });
    expect([page.items.length, page.hasMore]).to.deep.equal([10, true]);
    const last = await store.history.listMessages(past, { limit: 10, after: MESSAGES - 9 });
    expect([last.items.length, last.hasMore]).to.deep.equal([10, false]);
    expect((await store.history.listRevisions(past, rootId, 90, 50)).map(({ revision }) => revision)).to.deep.equal(
      Array.from({ length: 10 }, (_, index) => 91 + index),
    );
  });

  it('reads at most one page of earlier texts, last messages and found messages', async () => {
    expect(bytesOf(await store.history.listRevisions(past, rootId, 0, MESSAGES))).to.be.within(
      PAGE_MAX_BYTES,
      READ_MAX_BYTES,
    );
    await store.settleSearch();
    const { found } = await store.search.search(alice, 'all', { text: 'tea' }, null, 50);
    expect(bytesOf(found)).to.be.within(PAGE_MAX_BYTES, READ_MAX_BYTES);
    expect(
      found[0]?.highlights
        .flat()
        .filter(({ match }) => match)
        .map(({ text }) => text),
    ).to.include('tea');
  });

  it('reports omitted events of several chats, and omits the last ones', async () => {
    const ranges = chatIds.map((chatId) => ({ chatId, first: 2, last: 11 }));
    const { events, isComplete } = await store.sync.eventsIn(ranges);
    expect(isComplete).to.equal(false);
    const counts = chatIds.map((chatId) => events.get(chatId)?.length ?? 0);
    expect(counts[0]).to.equal(10);
    expect(counts[1]).to.be.within(6, 10);
    expect(counts[2]).to.equal(0);
    const few = await store.sync.eventsIn(ranges.map((range) => ({ ...range, last: 4 })));
    expect([few.isComplete, [...few.events.values()].map(({ length }) => length)]).to.deep.equal([true, [3, 3, 3]]);
  });
});
