import { expect } from 'chai';
import { MemoryLiveReaders } from '../../../../src/adapters/stores/memory/memory-live-readers.js';
import { WORKER_ALIVE_MS } from '../../../../src/application/coordinator/worker.js';
import { LIVE_READER_HEARTBEAT_MS } from '../../../../src/application/ports/store/log/live-readers.js';
import { LiveReader } from '../../../conformance/transport/live-feed.js';
import { create, GROUP, send } from '../commands/drafts.js';
import { WorkerHarness } from '../processing/worker-harness.js';

describe('A worker with a live feed', () => {
  let harness: WorkerHarness;
  beforeEach(async () => {
    harness = await WorkerHarness.open();
    await harness.given(create('alice', GROUP, ['bob']));
    await harness.published();
  });
  afterEach(() => harness.close());

  /** Sends a message and returns whether its event was copied. */
  const isCopied = async () => {
    const { sent } = harness.transport.live.counters;
    await harness.given(send('alice', GROUP));
    await harness.published();
    return harness.transport.live.counters.sent > sent;
  };
  const untilCopied = () => harness.until('a copy', isCopied);
  const untilNotCopied = () => harness.until('no copy', async () => !(await isCopied()));

  it('copies events only while a reader is registered', async () => {
    const readers = new MemoryLiveReaders(harness.world);
    expect(await isCopied()).to.equal(false);
    await readers.heartbeat('gateway-1');
    await untilCopied();
    await readers.withdraw('gateway-1');
    await untilNotCopied();
  });

  it('stops when the last heartbeat of the reader is too old', async () => {
    expect(WORKER_ALIVE_MS).to.be.at.least(3 * LIVE_READER_HEARTBEAT_MS);
    const now = Date.now();
    await new MemoryLiveReaders(harness.world, () => now).heartbeat('gateway-1');
    await untilCopied();
    await new MemoryLiveReaders(harness.world, () => now - WORKER_ALIVE_MS).heartbeat('gateway-1');
    await untilNotCopied();
  });

  it('gives a reader the dispatched events, byte for byte, with their positions', async () => {
    const reader = new LiveReader();
    await new MemoryLiveReaders(harness.world).heartbeat('gateway-1');
    await untilCopied();
    const subscription = await harness.transport.live.subscribe(reader);
    const from = harness.events.length;
    await harness.given(...Array.from({ length: 20 }, () => send('alice', GROUP)));
    await harness.published();
    await harness.until('the copies', () => reader.events.length === 20);
    expect(reader.events.map(({ body }) => Buffer.from(body).toString())).to.deep.equal(
      harness.events.slice(from).map(({ body }) => Buffer.from(body).toString()),
    );
    const positions = harness.world.log.get(0)?.map(({ position }) => position) ?? [];
    expect(reader.events.map(({ position }) => position)).to.deep.equal(positions.slice(-20));
    await subscription.close();
  });
});
