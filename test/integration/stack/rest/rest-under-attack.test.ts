/**
 * One caller asks for what is expensive, or does not read what they asked for, on a process with both roles: the others
 * are served meanwhile.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { PAGE_MAX_BYTES } from '../../../../src/contract/rest/requests.js';
import { eventually } from '../../../support/eventually.js';
import type { TestProcess } from '../../../support/fleet/processes.js';
import { tokenFor } from '../../../unit/adapters/http/rest-client.js';
import { RestStack } from './rest-stack.js';

const MESSAGES = 400;
/** The dearest text for a highlight: each word is a match. */
const DEAR = 'a '.repeat(8_192);
/** 64 KB of UTF-8. */
const LONG = '𝔞'.repeat(16_380);
const LONG_MESSAGES = 60;
const SEARCHES = 24;
/** How long another caller's query may take meanwhile, on a machine that is busy with other things too. */
const NEIGHBOUR_MAX_MS = 2_000;
const SLOW_CONNECTIONS = 40;
const REQUESTS_EACH = 3;
/** The indexer waits up to a second for more messages. */
const INDEXED_WITHIN_MS = 20_000;
const RSS_GROWTH_MAX_MB = 200;

describe('REST under attack', () => {
  let rest: RestStack;
  let running: TestProcess;
  let dear: string;
  let long: string;
  let foreign: string;
  const readers = Array.from({ length: 10 }, (_, index) => `reader-${index}`);

  before(async function () {
    this.timeout(120_000);
    rest = await RestStack.create({ REST_RATE_LIMIT: '100000' });
    running = await rest.run('worker', 'api');
    dear = await rest.group(['bob']);
    long = await rest.group(readers);
    foreign = await rest.group(['carl'], {}, 'other/carol');
    await rest.say(foreign, 'hello', 'other/carol');
    await inTurns(MESSAGES, () => rest.say(dear, DEAR));
    await inTurns(LONG_MESSAGES, () => rest.say(long, LONG));
  });
  after(() => rest?.close());

  async function inTurns(count: number, work: () => Promise<unknown>): Promise<void> {
    let left = count;
    const one = async () => {
      for (; left > 0; ) {
        left -= 1;
        await work();
      }
    };
    await Promise.all(Array.from({ length: 8 }, one));
  }

  it('answers another tenant while one caller runs 24 expensive searches concurrently', async function () {
    this.timeout(120_000);
    const takeovers = await rest.counted('parley_takeovers_total');
    const statuses: number[] = [];
    let isOver = false;
    const attack = Array.from({ length: SEARCHES }, async () => {
      for (let round = 0; round < 4; round += 1) {
        const { status, headers } = await rest.get('/v1/search/messages?q=a&limit=50');
        statuses.push(status);
        if (status !== 200) expect(Number(headers.get('retry-after'))).to.be.greaterThan(0);
      }
    });
    const attacked = Promise.all(attack).finally(() => {
      isOver = true;
    });
    const latencies: number[] = [];
    let polls = 0;
    while (!isOver) {
      const startedAt = performance.now();
      const { status } = await rest.get(`/v1/chats/${foreign}/messages`, { as: 'other/carol' });
      latencies.push(performance.now() - startedAt);
      expect(status).to.equal(200);
      const probe = await fetch(`${running.opsUrl}/readyz`);
      expect(probe.status, await probe.text()).to.equal(200);
      polls += 1;
    }
    await attacked;
    expect(new Set(statuses)).to.satisfy((seen: Set<number>) => [...seen].every((s) => [200, 429, 503].includes(s)));
    expect(statuses).to.include(200);
    expect(statuses).to.include(429);
    expect(polls).to.be.greaterThan(5);
    expect(Math.max(...latencies)).to.be.lessThan(NEIGHBOUR_MAX_MS);
    expect(await rest.counted('parley_takeovers_total')).to.equal(takeovers);
  });

  it('highlights a match far from the beginning of a text', async () => {
    const chatId = await rest.group();
    await rest.say(chatId, `${'filler words '.repeat(1_000)}needle and more`);
    const body = await eventually(
      async () => {
        const answer = await rest.get(`/v1/search/messages?q=needle&chatId=${chatId}`);
        return answer.body.items.length === 1 ? answer.body : null;
      },
      { within: INDEXED_WITHIN_MS, what: 'the message is indexed' },
    );
    const highlights: { text: string; match: boolean }[] = body.items[0].highlights.flat();
    expect(highlights.filter(({ match }) => match).map(({ text }) => text)).to.deep.equal(['needle']);
  });

  it('answers 400 to 33 hyphens', async () => {
    expect((await rest.get(`/v1/search/messages?q=${'-'.repeat(33)}`)).status).to.equal(400);
    expect((await rest.get(`/v1/search/messages?q=title+${'-'.repeat(40)}`)).status).to.equal(200);
  });

  it('ends each page at 1 MiB with a cursor', async () => {
    const sequences: number[] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const { status, body } = await rest.get(`/v1/chats/${long}/messages?limit=200&after=${after}`);
      expect(status).to.equal(200);
      expect(Buffer.byteLength(JSON.stringify(body.items))).to.be.at.most(PAGE_MAX_BYTES + 1);
      sequences.push(...body.items.map(({ sequence }: { sequence: number }) => sequence));
      after = body.hasMore ? sequences.at(-1) : undefined;
    }
    expect(sequences).to.deep.equal(Array.from({ length: LONG_MESSAGES }, (_, index) => index + 2));
  });

  it('uses little memory for callers who do not read responses', async function () {
    this.timeout(120_000);
    const rss = async () => (await rest.counted('process_resident_memory_bytes')) / 1024 / 1024;
    const answered = () =>
      running.output.split('\n').filter((line) => /"route":"\/v1\/chats\/:chatId\/messages"/.test(line));
    const [before, linesBefore] = [await rss(), answered().length];
    const sockets = await Promise.all(
      Array.from({ length: SLOW_CONNECTIONS }, async (_, index) => {
        const socket = connect(Number(running.env.PORT), '127.0.0.1');
        socket.pause();
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        const token = await tokenFor(readers[index % readers.length] ?? '');
        const path = `/v1/chats/${long}/messages?limit=200`;
        const head = [`GET ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${token}`, 'Accept-Encoding: identity'];
        socket.write(`${head.join('\r\n')}\r\n\r\n`.repeat(REQUESTS_EACH));
        return socket;
      }),
    );
    let most = before;
    let neighbours = 0;
    await eventually(
      async () => {
        most = Math.max(most, await rss());
        const { status } = await rest.get(`/v1/chats/${foreign}/members`, { as: 'other/carol' });
        if (status === 200) neighbours += 1;
        return answered().length - linesBefore >= SLOW_CONNECTIONS * REQUESTS_EACH;
      },
      { within: 90_000, what: 'all are answered' },
    );
    for (const socket of sockets) socket.destroy();
    expect(neighbours).to.be.greaterThan(0);
    expect(most - before).to.be.lessThan(RSS_GROWTH_MAX_MB);
  });
});
