import { names } from '../../../src/contract/messages/topology.js';
import { onChannel } from '../../support/broker-session.js';
import { MemoryWatch } from '../memory-watch.js';
import { lasting, type Stage } from '../stage.js';
import type { Scenario } from './scenario.js';

const FULL_QUEUE = '64KiB';
const AWAY_MS = 10_000;
const MEMORY_MAX_MIB = 256;

async function onDispatchQueue(stage: Stage, work: 'bindQueue' | 'unbindQueue'): Promise<void> {
  const { namespace, amqpUrl } = stage.fleet;
  await onChannel(amqpUrl, (channel) => channel[work](`${namespace}.dispatch`, names.events(namespace), '#'));
}

export function unbindDispatch(stage: Stage): Promise<void> {
  return onDispatchQueue(stage, 'unbindQueue');
}

export function bindDispatch(stage: Stage): Promise<void> {
  return onDispatchQueue(stage, 'bindQueue');
}

export const dispatchUnbound: Scenario = {
  name: 'dispatch-unbound',
  row: 'event returned or refused',
  what: 'the dispatch queue is unbound until /readyz says so, then bound again',
  async play(stage) {
    await unbindDispatch(stage);
    await stage.unready(stage.workers[0], /returned/);
    await stage.sends(50);
    await bindDispatch(stage);
    await stage.workers[0]?.ready();
  },
};

export const dispatch: Scenario[] = [
  dispatchUnbound,
  {
    name: 'dispatch-full',
    row: 'event returned or refused',
    what: `a dispatch queue of ${FULL_QUEUE} runs full, /readyz says so, then it is consumed again`,
    stage: { env: { DISPATCH_MAX_BYTES: FULL_QUEUE } },
    async play(stage) {
      await stage.fleet.dispatch.close();
      await stage.unready(stage.workers[0], /refused/);
      await stage.sends(200);
      await stage.fleet.connectDispatch();
      await stage.workers[0]?.ready();
    },
  },
  {
    name: 'dispatch-absent',
    row: 'slow or absent dispatch',
    what: `nobody consumes a small dispatch queue for ${AWAY_MS} ms; the worker stays below ${MEMORY_MAX_MIB} MiB`,
    stage: { env: { DISPATCH_MAX_BYTES: '1MiB' }, chats: 64 },
    async play(stage) {
      const memory = new MemoryWatch(stage.workers.map(({ pid }) => pid));
      await stage.fleet.dispatch.close();
      await lasting(AWAY_MS);
      await stage.fleet.connectDispatch();
      await stage.workers[0]?.ready();
      const peakMib = memory.stop();
      const [beforeMib = 0] = memory.samplesMib;
      if (peakMib > MEMORY_MAX_MIB)
        throw new Error(`a worker took ${peakMib.toFixed(0)} MiB, ${beforeMib.toFixed(0)} MiB of it before`);
    },
  },
];
