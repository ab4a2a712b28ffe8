/** Idle connections, then a killed gateway: all of them come back at once, while messages are sent. */
import { eventually } from '../../test/support/eventually.js';
import { connected, type Measured, memoryKb, peakMb, type Sizes, swarmAt } from './figures.js';
import { GatewayWatch } from './gateway-watch.js';
import { GroupLoad } from './group-load.js';
import { Stand } from './stand.js';

const MEMORY_GOAL_KB = 25;
const STORM_GOAL_S = 45;
const PROCESS_GOAL_MB = 500;
const BACK_WITHIN_MS = 120_000;
/** Until the gateway has sent its marks and collected the garbage of the handshakes. */
const IDLE_MS = 10_000;
/** Messages per second while the clients come back. */
const RATE = 20;

export async function idleAndStorm({ idle }: Sizes): Promise<Measured> {
  const stand = await Stand.start();
  const machine = await stand.machine();
  let gateway = await stand.addGateway();
  const load = await GroupLoad.create(stand, idle);
  const before = memoryKb(gateway.pid, 'VmRSS');
  const swarm = swarmAt(stand, () => gateway, idle, { hasLedger: true });
  try {
    await connected(swarm, idle);
    await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
    const eachKb = (memoryKb(gateway.pid, 'VmRSS') - before) / idle;
    const gatewayMb = peakMb(gateway.pid);
    load.start(RATE);
    const killedAt = performance.now();
    await gateway.kill();
    gateway = await stand.addGateway();
    const watch = new GatewayWatch(() => [gateway]);
    const readyAt = performance.now();
    await eventually(() => swarm.reconnects.length >= idle && swarm.live === idle, {
      within: BACK_WITHIN_MS,
      what: 'all clients are back',
    });
    const lastAt = Math.max(...swarm.reconnects.map(({ at }) => at));
    const [seconds, sinceKill] = [(lastAt - readyAt) / 1_000, (lastAt - killedAt) / 1_000];
    await load.stop();
    const isComplete = () => swarm.missed((client) => load.lastOf(client)) === 0;
    await eventually(isComplete, { within: BACK_WITHIN_MS, what: 'all messages' }).catch(() => undefined);
    const missed = swarm.missed((client) => load.lastOf(client)) + swarm.gaps;
    const peaks = { gateway: Math.max(gatewayMb, peakMb(gateway.pid)), worker: peakMb(stand.api.pid) };
    const waiting = await watch.stop();
    return {
      machine,
      figures: [
        {
          name: `memory per idle connection of ${idle}, resident`,
          value: `${eachKb.toFixed(1)} KB`,
          goal: `≤ ${MEMORY_GOAL_KB} KB`,
          isMet: eachKb <= MEMORY_GOAL_KB,
        },
        {
          name: `${idle} clients reconnect at once, until all are live`,
          value: `${seconds.toFixed(1)} s after the new gateway was ready (${sinceKill.toFixed(1)} s after the kill), ${swarm.refused} × 1013`,
          goal: `≤ ${STORM_GOAL_S} s`,
          isMet: seconds <= STORM_GOAL_S,
        },
        {
          name: 'highest memory of a process of Parley meanwhile',
          value: `gateway ${peaks.gateway} MB, worker with REST ${peaks.worker} MB`,
          goal: `≤ ${PROCESS_GOAL_MB} MB`,
          isMet: Math.max(peaks.gateway, peaks.worker) <= PROCESS_GOAL_MB,
        },
        {
          name: `events missed, of ${load.sent} messages to groups of ten sent meanwhile`,
          value: `${missed}`,
          goal: '0',
          isMet: missed === 0,
        },
      ],
      notes: [
        `${swarm.repeats} events came again after a resume, and were dropped by their sequences. At most ${waiting} reads of sync pages waited for a place.`,
      ],
      plots: {},
    };
  } finally {
    await load.stop();
    swarm.stop();
    await stand.stop();
  }
}
