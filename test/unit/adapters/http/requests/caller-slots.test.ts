import { expect } from 'chai';
import { MemoryTables } from '../../../../../src/adapters/stores/memory/memory-tables.js';
import { MemoryChatQueries } from '../../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { MemoryMessageSearch } from '../../../../../src/adapters/stores/memory/queries/memory-message-search.js';
import { CallerSlots, SLOT_WAIT_TIMEOUT_MS } from '../../../../../src/application/gateway/caller-slots.js';
import { SlowQuery } from '../../../../../src/application/ports/queries/slow-query.js';
import { eventually } from '../../../../support/eventually.js';
import { tokenFor } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

const WITHIN_MS = 5_000;

/** Queries of alice's unread count that wait until the test continues them. */
class HeldQueries extends MemoryChatQueries {
  readonly held: (() => void)[] = [];
  override async countUnread(...asked: Parameters<MemoryChatQueries['countUnread']>) {
    if (asked[0].userId === 'alice') await new Promise<void>((release) => this.held.push(release));
    return super.countUnread(...asked);
  }
}

describe('The slots of a caller', () => {
  it('are assigned in the order of requests, and passed on', async () => {
    const slots = new CallerSlots(1, 2);
    const caller = { tenantId: 't', userId: 'u' };
    const order: string[] = [];
    const first = await slots.enter(caller);
    const second = slots.enter(caller).then((release) => {
      order.push('second');
      return release;
    });
    const third = slots.enter(caller).then((release) => {
      order.push('third');
      return release;
    });
    expect(await slots.enter(caller)).to.equal(null);
    expect(await slots.enter({ ...caller, userId: 'other' })).to.be.a('function');
    first?.();
    (await second)?.();
    (await third)?.();
    expect(order).to.deep.equal(['second', 'third']);
    expect(await slots.enter(caller)).to.be.a('function');
  });

  it('have a bounded waiting time', async () => {
    const slots = new CallerSlots(1, 2);
    const caller = { tenantId: 't', userId: 'u' };
    await slots.enter(caller);
    const startedAt = performance.now();
    expect(await slots.enter(caller)).to.equal(null);
    expect(performance.now() - startedAt).to.be.within(SLOT_WAIT_TIMEOUT_MS - 50, WITHIN_MS);
  });

  describe('over REST', () => {
    let rest: RestHarness;
    afterEach(() => rest.stop());

    it('limit the queries of one caller, who gets Retry-After, while others are answered', async () => {
      const queries = new HeldQueries(new MemoryTables());
      rest = await new RestHarness({ queries, settings: { readsAtOnce: 2 } }).start();
      const asked = Array.from({ length: 5 }, () => rest.get('/v1/me/unread'));
      await eventually(() => queries.held.length === 2, { within: WITHIN_MS, what: 'two are worked on' });
      expect((await rest.get('/v1/me/unread', { as: 'bob' })).status).to.equal(200);
      expect((await rest.get('/v1/me/unread', { as: 'other/alice2' })).status).to.equal(200);
      await eventually(() => rest.lines.filter(({ fields }) => fields.status === 429).length === 3, {
        within: WITHIN_MS,
        what: 'the others have waited long enough',
      });
      expect(queries.held.length).to.equal(2);
      for (const release of queries.held) release();
      const answers = await Promise.all(asked);
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([200, 200, 429, 429, 429]);
      const refused = answers.find(({ status }) => status === 429);
      expect(refused?.headers.get('retry-after')).to.equal('1');
      expect(refused?.body).to.include({ type: '/problems/rate_limited' });
    });

    it('are taken until the work is done, also after the client disconnected', async () => {
      const queries = new HeldQueries(new MemoryTables());
      rest = await new RestHarness({ queries, settings: { readsAtOnce: 1 } }).start();
      const hangUp = new AbortController();
      const given = fetch(`${rest.url}/v1/me/unread`, {
        signal: hangUp.signal,
        headers: { authorization: `Bearer ${await tokenFor('alice')}` },
      }).catch(() => null);
      await eventually(() => queries.held.length === 1, { within: WITHIN_MS, what: 'it is worked on' });
      hangUp.abort();
      await given;
      expect((await rest.get('/v1/me/unread')).status).to.equal(429);
      queries.held[0]?.();
      const again = rest.get('/v1/me/unread');
      await eventually(() => queries.held.length === 2, { within: WITHIN_MS, what: 'the slot is free' });
      queries.held[1]?.();
      expect((await again).status).to.equal(200);
    });

    it('answer a query that took too long with 503 and when to try again', async () => {
      const search = new MemoryMessageSearch(new MemoryTables());
      search.search = () => Promise.reject(new SlowQuery('a statement took too long'));
      rest = await new RestHarness({ search }).start();
      const { status, headers, body } = await rest.get('/v1/search/messages?q=tea');
      expect([status, headers.get('retry-after')]).to.deep.equal([503, '5']);
      expect(body).to.include({ type: '/problems/unavailable', retryAfter: 5 });
    });
  });
});
