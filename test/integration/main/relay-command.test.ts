import { expect } from 'chai';
import { Owner, PARTITIONS } from '../../conformance/store/fixtures.js';
import { openPrismaStore, type PrismaHarness } from '../prisma/prisma-harness.js';
import { write } from '../relay/scenarios.js';
import { cli } from './cli/run-cli.js';

describe('parley relay', function () {
  this.timeout(60_000);
  let store: PrismaHarness;
  const relay = (...args: string[]) => cli(['relay', ...args], { DATABASE_URL: store.url });
  before(async () => {
    store = await openPrismaStore();
  });
  after(() => store.close());

  it('reports that no consumer has run yet', async () => {
    const { code, stdout } = await relay('status');
    expect([code, stdout]).to.deep.equal([0, ['no log consumers: none has run on this database yet']]);
    const unknown = await relay('parked', 'search');
    expect([unknown.code, unknown.stderr]).to.deep.equal([
      1,
      ['parley: no log consumer is called search; there are none'],
    ]);
  });

  describe('with a consumer that has parked an event', () => {
    before(async () => {
      await Owner.of(store);
      await write(store, 4);
      await store.cursors.create('search', 'beginning', true);
      const held = await store.cursors.tend('relay-1', ['search'], 60_000);
      const cursor = held.find(({ partition }) => partition === 0) ?? expect.fail('no cursor');
      await store.cursors.park(cursor, { position: 2, sequence: 0 }, 'too-long', 2);
    });

    it('prints cursor, lag, owner and parked events of each partition', async () => {
      const { stdout } = await relay('status');
      expect(stdout[0]).to.match(/^consumer +partition +cursor +end +lag +seconds +parked +epoch +owner$/);
      expect(stdout[1]).to.match(/^search +imports +0 +0 +0 /);
      expect(stdout[2]).to.match(/^search +0 +2 +4 +2 +\d+ +1 +1 +relay-1$/);
      const states = JSON.parse((await relay('status', '--json')).stdout.join('\n')) as object[];
      expect(states).to.have.length(PARTITIONS + 1);
      expect(states[1]).to.include({ name: 'search', position: 2, end: 4, lag: 2, parked: 1, owner: 'relay-1' });
    });

    it('lists parked events, and requests their delivery', async () => {
      const { stdout } = await relay('parked', 'search');
      expect(stdout[1]).to.match(/^0 +2 +- +too-long +1 +\S+Z +-$/);
      expect(stdout.at(-1)).to.equal('1 parked event');
      expect((await relay('retry', 'search')).stdout).to.deep.equal(['requested: 1 parked event of search']);
      expect((await relay('parked', 'search')).stdout[1]).to.match(/requested$/);
    });

    it('rebuilds a consumer only if that is confirmed', async () => {
      const refused = await relay('rebuild', 'search');
      expect([refused.code, refused.stderr.join()]).to.deep.equal([
        1,
        'parley: this delivers the whole log to search again: confirm with --yes',
      ]);
      expect((await relay('rebuild', 'search', '--yes')).stdout.join()).to.match(/^search starts again .*: 5 cursors$/);
      expect((await relay('status')).stdout[2]).to.match(/^search +0 +0 +4 +4 +\d+ +0 +2 +-$/);
    });

    it('needs a consumer to run', async () => {
      const { code, stderr } = await relay();
      expect([code, stderr]).to.deep.equal([1, ['parley: JSON_LINES_DIR or WEBHOOKS or KAFKA_BROKERS is required']]);
    });
  });
});
