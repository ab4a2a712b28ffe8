import { expect } from 'chai';
import { NAMESPACE, Owner, PARTITIONS, rejection } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const ALIVE_WITHIN_MS = 60_000;

export function partitionRegistryConformance(open: OpenStore): void {
  describe('as partition registry', () => {
    let store: StoreHarness;
    before(async () => {
      store = await open();
    });
    after(() => store.close());

    it('records namespace and number of partitions only at the first start, also with concurrent starts', async () => {
      const wanted = [5, 6, 7].map((partitions) => ({ namespace: `chat-${partitions}`, partitions }));
      const fresh = await open();
      try {
        const answers = await Promise.all(wanted.map((one) => fresh.registry.settle(one)));
        expect(wanted).to.deep.include(answers[0]);
        expect(answers[1]).to.deep.equal(answers[0]);
        expect(answers[2]).to.deep.equal(answers[0]);
        const { partitions } = await fresh.registry.heartbeat('worker-1', ALIVE_WITHIN_MS);
        expect(partitions).to.deep.equal(
          Array.from({ length: answers[0]?.partitions ?? 0 }, (_, partition) => ({
            partition,
            epoch: 0,
            owner: null,
            position: 0,
            publishedThrough: 0,
            logFloor: 0,
          })),
        );
      } finally {
        await fresh.close();
      }
    });

    describe('after the first start', () => {
      const partitionState = async (partition: number) =>
        (await store.registry.heartbeat('observer', ALIVE_WITHIN_MS)).partitions[partition];
      beforeEach(() => store.registry.settle({ namespace: NAMESPACE, partitions: PARTITIONS }));

      it('returns workers with a recent heartbeat, always including the caller', async () => {
        await store.registry.heartbeat('w-b', ALIVE_WITHIN_MS);
        const { workers } = await store.registry.heartbeat('w-a', ALIVE_WITHIN_MS);
        expect(workers.filter((id) => id.startsWith('w-'))).to.deep.equal(['w-a', 'w-b']);
        const deadline = Date.now() + 5_000;
        let heard = workers;
        while (heard.includes('w-b') && Date.now() < deadline) {
          heard = (await store.registry.heartbeat('w-a', 20)).workers;
        }
        expect(heard).to.include('w-a').and.not.include('w-b');
        expect((await store.registry.heartbeat('w-a', ALIVE_WITHIN_MS)).workers).to.include('w-b');
      });

      it('lists workers in code-unit order', async () => {
        for (const id of ['s-b', 's-B', 's-10', 's-9', 's-ä']) await store.registry.heartbeat(id, ALIVE_WITHIN_MS);
        const { workers } = await store.registry.heartbeat('s-b', ALIVE_WITHIN_MS);
        expect(workers.filter((id) => id.startsWith('s-'))).to.deep.equal(['s-10', 's-9', 's-B', 's-b', 's-ä']);
      });

      it('removes a worker and releases only its leases', async () => {
        await store.registry.heartbeat('leaver', ALIVE_WITHIN_MS);
        await store.registry.acquire(0, 'leaver');
        await store.registry.acquire(1, 'stayer');
        await store.registry.deregister('leaver');
        const { workers, partitions } = await store.registry.heartbeat('stayer', ALIVE_WITHIN_MS);
        expect(workers).to.not.include('leaver');
        expect(partitions[0]?.owner).to.equal(null);
        expect(partitions[1]?.owner).to.equal('stayer');
      });

      it('raises the epoch at each take-over, sets the owner, and returns the log positions', async () => {
        const owner = await Owner.of(store, 2, 'first');
        await owner.write((at) => ({
          events: [
            {
              partition: 2,
              position: at + 1,
              tenantId: 'default',
              chatId: null,
              sequence: null,
              actorId: 'alice',
              commandId: 'c',
              at: new Date(),
              event: { type: 'command.rejected', receipt: {} },
              traceparent: null,
              tracestate: null,
            },
          ],
        }));
        const before = owner.ownership;
        const ownership = await store.registry.acquire(2, 'second');
        expect(ownership).to.deep.equal({ ...before, epoch: before.epoch + 1, position: before.position + 1 });
        expect(await partitionState(2)).to.deep.include({ owner: 'second', epoch: ownership.epoch });
      });

      it('re-acquires the leases that no other worker has acquired, also if it is asked twice', async () => {
        const ours = [await store.registry.acquire(0, 'w'), await store.registry.acquire(1, 'w')];
        const lost = await store.registry.acquire(2, 'w');
        const other = await store.registry.acquire(2, 'other');
        const raised = (by: number) => ours.map((lease) => ({ ...lease, epoch: lease.epoch + by }));
        const sorted = async () =>
          (await store.registry.reacquire([...ours, lost], 'w')).sort((a, b) => a.partition - b.partition);
        expect(await sorted()).to.deep.equal(raised(1));
        // As if the first answer had been lost.
        expect(await sorted()).to.deep.equal(raised(2));
        expect(await partitionState(2)).to.deep.include({ owner: 'other', epoch: other.epoch });
        expect(await partitionState(1)).to.deep.include({ owner: 'w' });
      });

      it('refuses the take-over of an unknown partition', async () => {
        expect(await rejection(store.registry.acquire(PARTITIONS, 'w'))).to.be.instanceOf(Error);
      });

      it('releases a partition only for its owner', async () => {
        const old = await store.registry.acquire(0, 'old');
        const { epoch } = await store.registry.acquire(0, 'new');
        await store.registry.release(0, old.epoch);
        expect(await partitionState(0)).to.deep.include({ owner: 'new', epoch });
        await store.registry.release(0, epoch);
        expect(await partitionState(0)).to.deep.include({ owner: null, epoch });
      });

      it('saves the published prefix only for the owner, and never lowers it', async () => {
        const old = await store.registry.acquire(3, 'old');
        expect(await store.registry.savePublished(3, old.epoch, 5)).to.equal(true);
        const ownership = await store.registry.acquire(3, 'new');
        expect(ownership.publishedThrough).to.equal(5);
        expect(await store.registry.savePublished(3, old.epoch, 9)).to.equal(false);
        expect(await store.registry.savePublished(3, ownership.epoch, 4)).to.equal(true);
        expect((await partitionState(3))?.publishedThrough).to.equal(5);
      });
    });
  });
}
