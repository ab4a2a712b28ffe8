import { names } from '../../../src/contract/messages/topology.js';
import { onChannel } from '../../support/broker/broker-session.js';
import { type FleetHarness, lasting } from '../fleet-harness.js';
import { MemoryWatch } from '../memory-watch.js';
import type { Scenario } from './scenario.js';

const FULL_QUEUE = '64KiB';
const AWAY_MS = 10_000;
const MEMORY_MAX_MIB = 256;

async function onDispatchQueue(harness: FleetHarness, work: 'bindQueue' | 'unbindQueue'): Promise<void> {
  const { namespace, amqpUrl } = harness.fleet;
  await onChannel(amqpUrl, (channel) => channel[work](`${namespace}.dispatch`, names.events(namespace), '#'));
}

export function unbindDispatch(harness: FleetHarness): Promise<void> {
  return onDispatchQueue(harness, 'unbindQueue');
}

export function bindDispatch(harness: FleetHarness): Promise<void> {
  return onDispatchQueue(harness, 'bindQueue');
}

export const dispatchUnbound: Scenario = {
  name: 'dispatch-unbound',
  row: 'event returned or refused',
  what: 'the dispatch queue is unbound until /readyz reports it, then bound again',
  async play(harness) {
    await unbindDispatch(harness);
    await harness.unready(harness.workers[0], /returned/);
    await harness.sends(50);
    await bindDispatch(harness);
    await harness.workers[0]?.ready();
  },
};

export const dispatch: Scenario[] = [
  dispatchUnbound,
  {
    name: 'dispatch-full',
    row: 'event returned or refused',
    what: `a dispatch queue of at most ${FULL_QUEUE} events is full, /readyz reports it, then it is consumed again`,
    harness: { env: { DISPATCH_MAX_BYTES: FULL_QUEUE } },
    async play(harness) {
      await harness.fleet.dispatch.close();
      await harness.unready(harness.workers[0], /refused/);
      await harness.sends(200);
      await harness.fleet.connectDispatch();
      await harness.workers[0]?.ready();
    },
  },
  {
    name: 'dispatch-absent',
    row: 'slow or absent dispatch consumer',
    what: `a small dispatch queue has no consumer for ${AWAY_MS} ms; the worker's memory stays below ${MEMORY_MAX_MIB} MiB`,
    harness: { env: { DISPATCH_MAX_BYTES: '1MiB' }, chats: 64 },
    async play(harness) {
      const memory = new MemoryWatch(harness.workers.map(({ pid }) => pid));
      await harness.fleet.dispatch.close();
      await lasting(AWAY_MS);
      await harness.fleet.connectDispatch();
      await harness.workers[0]?.ready();
      const peakMib = memory.stop();
      const [beforeMib = 0] = memory.samplesMib;
      if (peakMib > MEMORY_MAX_MIB)
        throw new Error(`a worker took ${peakMib.toFixed(0)} MiB, ${beforeMib.toFixed(0)} MiB of it before`);
    },
  },
];
