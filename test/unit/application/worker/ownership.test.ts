import { expect } from 'chai';
import { StoreError } from '../../../../src/application/ports/command-store.js';
import { create, GROUP, send } from '../drafts.js';
import { Lab } from './lab.js';
import { MARKER_TYPE } from './unruly.js';

/** Drawn for a pause it makes that far longer than anybody waits here. */
const ENDLESS = 10_000;

describe('The partitions of a worker', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.open({ partitions: 2 });
  });
  afterEach(() => lab?.close());

  const owners = () => [...lab.world.partitions.values()].map(({ owner }) => owner);

  it('are given up while the broker is away for long, and taken again, also where no command comes', async () => {
    lab.isTransportReady = false;
    await lab.until('it is off the list', () => owners().every((owner) => owner === null));
    expect(lab.world.workers.has('lab')).to.equal(false);
    await lab.source.lose();
    lab.isTransportReady = true;
    await lab.until('it owns both, in the eyes of all', () => owners().every((owner) => owner === 'lab'));
    await lab.until('it serves under the epochs it was given', () =>
      lab.worker.status.partitions.every(
        ({ partition, epoch }) => epoch === lab.world.partitions.get(partition)?.epoch,
      ),
    );
    await lab.given(create('alice', GROUP, []));
  });

  it('have met a ring repair only if it was noted under their epoch: an owner fenced out leaves the marker to the next one', async () => {
    await lab.close();
    lab = await Lab.open();
    await lab.registry.repairRing(
      async () => true,
      async () => undefined,
    );
    await lab.source.lose();
    const saw = lab.registry.sawRingMarker.bind(lab.registry);
    let tries = 0;
    lab.registry.sawRingMarker = async (...args) => {
      tries += 1;
      if (tries === 1) throw new StoreError('unavailable', 'away');
      if (tries === 2) await lab.registry.takeOver(0, 'another worker');
      await saw(...args);
    };
    lab.publish(send('alice', GROUP, '', {}, { properties: { type: MARKER_TYPE } }));
    await lab.until('it is noted', () => lab.world.partitions.get(0)?.ringSeen === 1);
    await lab.given(create('alice', GROUP, []));
    expect(await lab.nothingLeft()).to.equal(true);
  });

  it('are subscribed to as soon as the broker is back, however long the pause between attempts was to be', async () => {
    await lab.close();
    lab = await Lab.open({ random: () => ENDLESS });
    lab.source.isAway = true;
    await lab.source.lose();
    await lab.until('an attempt has failed', () => lab.source.refused > 0);
    const waiting = () => lab.worker.status.partitions.filter(({ notSubscribedSince }) => notSubscribedSince !== null);
    expect(waiting()).not.to.deep.equal([]);
    lab.source.isAway = false;
    lab.worker.brokerIsBack();
    await lab.given(create('alice', GROUP, []));
    await lab.until('all are subscribed to', () => waiting().length === 0);
  });

  it('are given back by a stop: nobody owns them, and it is off the list', async () => {
    await lab.worker.stop();
    expect(owners()).to.deep.equal([null, null]);
    expect(lab.world.workers.size).to.equal(0);
  });

  it('tell how far their log is published with each batch, and by themselves only where none came since the last heartbeat', async () => {
    await lab.close();
    lab = await Lab.open();
    let heartbeats = 0;
    let saved = 0;
    const { heartbeat, savePublished } = lab.registry;
    lab.registry.heartbeat = (...args) => {
      heartbeats += 1;
      return heartbeat.apply(lab.registry, args);
    };
    lab.registry.savePublished = (...args) => {
      saved += 1;
      return savePublished.apply(lab.registry, args);
    };
    await lab.given(create('alice', GROUP, []));
    await lab.until('heartbeats have come and gone', async () => {
      await lab.given(send('alice', GROUP, 'on and on'));
      return heartbeats >= 3;
    });
    expect(saved, 'beside the batches').to.equal(0);
    const row = () => lab.world.partitions.get(0);
    await lab.until('the last event too is told of', () => row()?.publishedThrough === row()?.position);
    expect(saved).to.be.at.least(1);
  });
});
