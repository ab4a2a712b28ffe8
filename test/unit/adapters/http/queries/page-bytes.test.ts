import { expect } from 'chai';
import { RestReader } from '../../../../../src/client/rest-reader.js';
import { PAGE_MAX_BYTES } from '../../../../../src/contract/rest/requests.js';
import { tokenFor } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

const MESSAGES = 40;
/** 64 KB of UTF-8. */
const LONG = '𝔞'.repeat(16_380);

describe('REST pages of long texts', () => {
  let rest: RestHarness;
  let chatId: string;
  let rootId: string;

  before(async function () {
    this.timeout(30_000);
    rest = await new RestHarness({ limits: { requests: 1e6, windowSeconds: 10 } }).start();
    chatId = await rest.group();
    rootId = (await rest.say(chatId, 'root')).messageId;
    for (let index = 0; index < MESSAGES; index += 1) {
      const data = { body: `tea ${LONG.slice(8)}`, threadRootId: rootId };
      expect((await rest.post(`/v1/chats/${chatId}/messages`, data)).status).to.equal(201);
    }
    for (let index = 0; index < MESSAGES; index += 1)
      await rest.patch(`/v1/chats/${chatId}/messages/${rootId}`, { body: `${index}${LONG.slice(8)}` });
    for (let index = 0; index < MESSAGES; index += 1)
      await rest.say(await rest.group(['bob'], { title: `chat ${index}` }), LONG);
  });
  after(() => rest.stop());

  /** Every page, each held against the bound; the number of items. */
  async function walk(
    path: string,
    next: (page: { items: { sequence: string }[] } & Record<string, unknown>) => string,
  ) {
    let items = 0;
    let pages = 0;
    for (let query = path.endsWith('after=') ? '0' : ''; ; ) {
      const { status, body } = await rest.get(`${path}${query}`);
      expect(status).to.equal(200);
      expect(Buffer.byteLength(JSON.stringify(body.items))).to.be.at.most(PAGE_MAX_BYTES + 1);
      expect(body.items).to.not.be.empty;
      items += body.items.length;
      pages += 1;
      query = next(body);
      if (query === '') return { items, pages };
    }
  }
  const byCursor = ({ nextCursor }: Record<string, unknown>) =>
    nextCursor === null ? '' : `&cursor=${encodeURIComponent(String(nextCursor))}`;

  it('end at 1 MiB, and return everything with cursors', async () => {
    const chats = await walk('/v1/chats?limit=200', byCursor);
    expect(chats.items).to.equal(MESSAGES + 1);
    expect(chats.pages).to.be.within(3, 4);
    const found = await walk('/v1/search/messages?q=tea&limit=50', byCursor);
    expect(found.items).to.equal(MESSAGES);
    const revisions = await walk(`/v1/chats/${chatId}/messages/${rootId}/revisions?limit=200`, byCursor);
    expect(revisions.items).to.equal(MESSAGES);
  });

  it('end at 1 MiB, and return everything by sequence in both directions', async () => {
    const hasMore = (body: Record<string, unknown>, query: string) => (body.hasMore === true ? query : '');
    const forward = await walk(`/v1/chats/${chatId}/messages?limit=200&after=`, (body) =>
      hasMore(body, String(body.items.at(-1)?.sequence)),
    );
    expect(forward.items).to.equal(MESSAGES + 1);
    for (const path of [`/v1/chats/${chatId}/messages`, `/v1/chats/${chatId}/messages/${rootId}/thread`]) {
      const backward = await walk(`${path}?limit=200`, (body) => hasMore(body, `&before=${body.items[0]?.sequence}`));
      expect(backward.items, path).to.be.within(MESSAGES, MESSAGES + 1);
      expect(backward.pages, path).to.be.within(3, 4);
    }
    const events = await walk(`/v1/chats/${chatId}/events?limit=200`, (body) =>
      hasMore(body, `&after=${body.items.at(-1)?.sequence}`),
    );
    expect(events.items).to.equal(2 + 2 * MESSAGES);
  });

  it('of a sync end at 1 MiB, also within a chat, and return everything', async () => {
    const reader = new RestReader({ url: rest.url, token: await tokenFor('alice') });
    const sequences = new Map<string, number[]>();
    const resets = new Set<string>();
    let pages = 0;
    for await (const page of reader.pages('sync', { limit: 200 })) {
      expect(Buffer.byteLength(JSON.stringify(page.items))).to.be.at.most(PAGE_MAX_BYTES + 1);
      pages += 1;
      for (const item of page.items) {
        if ('left' in item) throw new Error('nothing was left');
        if (item.reset) resets.add(item.chatId);
        const known = sequences.get(item.chatId) ?? [];
        sequences.set(item.chatId, [...known, ...item.events.map(({ sequence }) => Number(sequence))]);
      }
    }
    expect(pages).to.be.greaterThan(7);
    expect(resets.size).to.equal(MESSAGES + 1);
    const all = sequences.get(chatId) ?? [];
    expect(all).to.deep.equal(Array.from({ length: 2 + 2 * MESSAGES }, (_, index) => index + 1));
    expect([...sequences.values()].flat().length).to.equal(2 + 2 * MESSAGES + 2 * MESSAGES);
  });
});
