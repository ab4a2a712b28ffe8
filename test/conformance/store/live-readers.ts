import { expect } from 'chai';
import { eventually } from '../../support/eventually.js';
import { NAMESPACE, PARTITIONS } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const ALIVE_WITHIN_MS = 60_000;
const SHORT_MS = 20;
const WITHIN_MS = 5_000;

export function liveReadersConformance(open: OpenStore): void {
  describe('as registry of live readers', () => {
    let store: StoreHarness;
    beforeEach(async () => {
      store = await open();
      await store.registry.settle({ namespace: NAMESPACE, partitions: PARTITIONS });
    });
    afterEach(() => store.close());

    /** As a worker sees it. */
    const counted = async (aliveWithinMs = ALIVE_WITHIN_MS) =>
      (await store.registry.heartbeat('worker-1', aliveWithinMs)).liveReaders;

    it('counts no reader before one registers', async () => {
      expect(await counted()).to.equal(0);
    });

    it('counts each reader once, however many heartbeats it sends', async () => {
      for (const id of ['gateway-1', 'gateway-2', 'gateway-1']) await store.liveReaders.heartbeat(id);
      expect(await counted()).to.equal(2);
    });

    it('does not count a reader that has withdrawn', async () => {
      await store.liveReaders.heartbeat('gateway-1');
      await store.liveReaders.heartbeat('gateway-2');
      await store.liveReaders.withdraw('gateway-1');
      await store.liveReaders.withdraw('unknown');
      expect(await counted()).to.equal(1);
    });

    it('does not count a reader without a recent heartbeat, and counts it again after one', async () => {
      await store.liveReaders.heartbeat('gateway-1');
      const isGone = async () => (await counted(SHORT_MS)) === 0;
      await eventually(isGone, { within: WITHIN_MS, what: 'the end of the heartbeat' });
      await store.liveReaders.heartbeat('gateway-1');
      expect(await counted()).to.equal(1);
    });

    it('does not take readers for workers', async () => {
      await store.liveReaders.heartbeat('gateway-1');
      const { workers } = await store.registry.heartbeat('worker-1', ALIVE_WITHIN_MS);
      expect(workers).to.deep.equal(['worker-1']);
    });
  });
}
