import { expect } from 'chai';
import { create, GROUP, send } from '../commands/drafts.js';
import { WorkerHarness } from '../processing/worker-harness.js';

/** Makes the pause longer than any test. */
const ENDLESS = 10_000;

describe('The partitions of a worker', () => {
  let harness: WorkerHarness;
  beforeEach(async () => {
    harness = await WorkerHarness.open({ partitions: 2 });
  });
  afterEach(() => harness?.close());

  const owners = () => [...harness.world.partitions.values()].map(({ owner }) => owner);

  it('are released during a long broker outage, and leased again, also without commands', async () => {
    harness.isTransportReady = false;
    await harness.until('it is off the list', () => owners().every((owner) => owner === null));
    expect(harness.world.workers.has('harness')).to.equal(false);
    await harness.source.lose();
    harness.isTransportReady = true;
    await harness.until('it owns both, in the eyes of all', () => owners().every((owner) => owner === 'harness'));
    await harness.until('it serves under the epochs it was given', () =>
      harness.worker.status.partitions.every(
        ({ partition, epoch }) => epoch === harness.world.partitions.get(partition)?.epoch,
      ),
    );
    await harness.given(create('alice', GROUP, []));
  });

  it('are subscribed to as soon as the broker returns, without the rest of the retry pause', async () => {
    await harness.close();
    harness = await WorkerHarness.open({ random: () => ENDLESS });
    harness.source.isDisconnected = true;
    await harness.source.lose();
    await harness.until('an attempt has failed', () => harness.source.refused > 0);
    const waiting = () =>
      harness.worker.status.partitions.filter(({ notSubscribedSince }) => notSubscribedSince !== null);
    expect(waiting()).not.to.deep.equal([]);
    harness.source.isDisconnected = false;
    harness.worker.brokerReconnected();
    await harness.given(create('alice', GROUP, []));
    await harness.until('all are subscribed to', () => waiting().length === 0);
  });

  it('are released by a stop: they have no owner, and the worker is off the list', async () => {
    await harness.worker.stop();
    expect(owners()).to.deep.equal([null, null]);
    expect(harness.world.workers.size).to.equal(0);
  });

  it('save the published position with each batch, and separately only without a batch since the last heartbeat', async () => {
    await harness.close();
    harness = await WorkerHarness.open();
    let heartbeats = 0;
    let saved = 0;
    const { heartbeat, savePublished } = harness.registry;
    harness.registry.heartbeat = (...args) => {
      heartbeats += 1;
      return heartbeat.apply(harness.registry, args);
    };
    harness.registry.savePublished = (...args) => {
      saved += 1;
      return savePublished.apply(harness.registry, args);
    };
    await harness.given(create('alice', GROUP, []));
    await harness.until('heartbeats have come and gone', async () => {
      await harness.given(send('alice', GROUP, 'on and on'));
      return heartbeats >= 3;
    });
    expect(saved, 'beside the batches').to.equal(0);
    const row = () => harness.world.partitions.get(0);
    await harness.until('the last event too is told of', () => row()?.publishedThrough === row()?.position);
    expect(saved).to.be.at.least(1);
  });
});
