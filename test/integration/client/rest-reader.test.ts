import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { RestProblem, RestReader } from '../../../src/client/public.js';
import type { RestAnswer, RestItem, RestParameters } from '../../../src/contract/public.js';
import { tokenFor } from '../../unit/adapters/http/rest-client.js';
import { RestHarness } from '../../unit/adapters/http/rest-harness.js';

const MESSAGES = 7;
/** True at compile time only where the two are one type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

describe('The REST reader', () => {
  let rest: RestHarness;
  let reader: RestReader;
  let chatId = '';
  const texts = Array.from({ length: MESSAGES }, (_, index) => `text ${index + 1}`);

  before(async () => {
    rest = await new RestHarness().start();
    reader = new RestReader({ url: rest.url, token: () => tokenFor('alice') });
    chatId = await rest.group(['bob', 'carol']);
    for (const body of texts) await rest.say(chatId, body);
  });
  after(() => rest.stop());

  const problemOf = async (reading: Promise<unknown>): Promise<RestProblem> => {
    const error = await reading.then(
      () => expect.fail('it succeeded'),
      (rejected: unknown) => rejected,
    );
    expect(error).to.be.instanceOf(RestProblem);
    return error as RestProblem;
  };

  async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
    const collected: T[] = [];
    for await (const item of items) collected.push(item);
    return collected;
  }

  it('returns the response of an operation, by name', async () => {
    const chat = await reader.get('getChat', { chatId });
    expect(chat).to.include({ chatId, kind: 'group', memberCount: 3, lastSequence: MESSAGES + 1 });
    const { items, nextCursor } = await reader.get('listChats');
    expect([items.length, nextCursor]).to.deep.equal([1, null]);
    const [latest] = (await reader.get('listMessages', { chatId, limit: 1 })).items;
    expect(latest?.body).to.equal(texts.at(-1));
    const message = await reader.get('getMessage', { chatId, messageId: latest?.messageId ?? '' });
    expect(message).to.deep.equal(latest);
  });

  it('sends the query parameters of the contract', async () => {
    const archived = await reader.get('listChats', { archived: true, kind: 'group', limit: 10 });
    expect(archived.items).to.deep.equal([]);
    const { items, hasMore } = await reader.get('listMessages', { chatId, after: 3, limit: 2 });
    expect(items.map(({ sequence }) => sequence)).to.deep.equal([4, 5]);
    expect(hasMore).to.equal(true);
  });

  it('reads all pages of a list', async () => {
    const members = await all(reader.each('listMembers', { chatId, limit: 2 }));
    expect(members.map(({ userId }) => userId)).to.deep.equal(['alice', 'bob', 'carol']);
    const pages = await all(reader.pages('listMembers', { chatId, limit: 2 }));
    expect(pages.map(({ items }) => items.length)).to.deep.equal([2, 1]);
  });

  it('reads messages forwards, backwards from a sequence, and backwards from the latest', async () => {
    const bodies = async (place: { after?: number; before?: number }) =>
      (await all(reader.each('listMessages', { chatId, limit: 2, ...place }))).map(({ body }) => body);
    expect(await bodies({ after: 0 })).to.deep.equal(texts);
    expect(await bodies({ before: 5 })).to.deep.equal(texts.slice(0, 3).reverse());
    expect(await bodies({})).to.deep.equal([...texts].reverse());
    const [latest] = await all(reader.pages('listMessages', { chatId, limit: 2 }));
    expect(latest?.items.map(({ body }) => body)).to.deep.equal(texts.slice(-2));
  });

  it('reads the events of a chat from a sequence on, to fill a gap', async () => {
    const events = await all(reader.each('listEvents', { chatId, after: 2, limit: 3 }));
    expect(events.map(({ sequence }) => Number(sequence))).to.deep.equal([3, 4, 5, 6, 7, 8]);
    expect(await all(reader.each('listEvents', { chatId, after: 100 }))).to.deep.equal([]);
  });

  it('syncs page by page, and continues later', async () => {
    const sequencesOf = (pages: RestAnswer<'sync'>[]) =>
      pages
        .flatMap(({ items }) => items)
        .filter((item) => item.chatId === chatId)
        .flatMap((item): (number | string)[] =>
          'events' in item ? item.events.map(({ sequence }) => Number(sequence)) : ['left'],
        );
    const pages = await all(reader.pages('sync', { limit: 3 }));
    expect(pages.length).to.be.greaterThan(2);
    const { lastSequence } = await reader.get('getChat', { chatId });
    expect(sequencesOf(pages)).to.deep.equal(Array.from({ length: lastSequence }, (_, index) => index + 1));
    const since = pages.at(-1)?.next ?? '';
    const { sequence } = await rest.say(chatId, 'something new');
    expect(sequencesOf(await all(reader.pages('sync', { since })))).to.deep.equal([sequence]);
  });

  it('requests only the needed pages', async () => {
    const asked: string[] = [];
    const counted = new RestReader({
      url: rest.url,
      token: () => {
        asked.push('a page');
        return tokenFor('alice');
      },
    });
    for await (const { body } of counted.each('listMessages', { chatId, after: 0, limit: 2 }))
      if (body === texts[1]) break;
    expect(asked).to.have.length(1);
  });

  it('throws a refusal as a problem', async () => {
    const eve = new RestReader({ url: rest.url, token: await tokenFor('eve') });
    const hidden = await problemOf(eve.get('getChat', { chatId }));
    expect([hidden.status, hidden.code]).to.deep.equal([404, 'not_found']);
    const unauthenticated = await problemOf(new RestReader({ url: rest.url, token: 'nonsense' }).get('listChats'));
    expect([unauthenticated.status, unauthenticated.code]).to.deep.equal([401, 'unauthenticated']);
    const unreadable = await problemOf(reader.get('listChats', { limit: 1000 }));
    expect(unreadable.code).to.equal('bad_request');
    expect(unreadable.problem.violations).to.deep.equal([
      { path: 'limit', message: 'must be a whole number from 1 to 200' },
    ]);
  });

  it('reports a response that is not from Parley by its status', async () => {
    const proxy = createServer((_request, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>'));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const problem = await problemOf(new RestReader({ url: `http://127.0.0.1:${port}`, token: 'x' }).get('listChats'));
    expect([problem.status, problem.code, problem.problem.type]).to.deep.equal([502, null, 'about:blank']);
    proxy.close();
  });

  it('times out', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    const error = await new RestReader({ url, token: 'x', timeoutMs: 200 }).get('listChats').catch((e: Error) => e);
    expect(error).to.have.property('name', 'TimeoutError');
    silent.closeAllConnections();
    silent.close();
  });

  it('does not request an invalid path', async () => {
    for (const bad of ['..', 'x/y', '', '?']) {
      const error = await reader.get('getUser', { userId: bad }).catch((e: Error) => e);
      expect(error, bad).to.be.instanceOf(TypeError);
    }
  });

  it('works with a base path of a proxy', async () => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(request.url ?? '');
      response.setHeader('content-type', 'application/json').end('{"items":[],"nextCursor":null}');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    await new RestReader({ url: `http://127.0.0.1:${port}/chat/`, token: 'x' }).get('listChats', { kind: 'direct' });
    expect(seen).to.deep.equal(['/chat/v1/chats?kind=direct']);
    proxy.close();
  });

  it('has the types of the contract', () => {
    const exact: [
      Same<RestItem<'listMessages'>, RestAnswer<'getMessage'>>,
      Same<RestParameters<'getChat'>['chatId'], string>,
      Same<RestParameters<'listChats'>['archived'], boolean | undefined>,
      Same<RestParameters<'searchMessages'>['q'], string>,
    ] = [true, true, true, true];
    expect(exact).to.not.include(false);
    // @ts-expect-error: a path parameter must be given
    const missing = () => reader.get('getChat', {});
    // @ts-expect-error: what writes is not read
    const writing = () => reader.get('createChat');
    // @ts-expect-error: one chat is no list
    const single = () => reader.each('getChat', { chatId });
    expect([missing, writing, single]).to.have.length(3);
  });
});
