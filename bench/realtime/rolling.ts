/** Two gateways are replaced one after the other, under load. */
import { eventually } from '../../test/support/eventually.js';
import type { TestProcess } from '../../test/support/fleet/processes.js';
import { quantilesOf } from '../measuring/quantiles.js';
import type { Point } from '../reporting/plot.js';
import { connected, type Measured, type Sizes, swarmAt } from './figures.js';
import { GatewayWatch } from './gateway-watch.js';
import { GroupLoad } from './group-load.js';
import { Stand } from './stand.js';

/** Messages per second, in groups of ten. */
const RATE = 50;
const BIN_MS = 100;
const STOPPED_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 60_000;
/** Load before the first and after the last restart. */
const MARGIN_MS = 3_000;

export async function rollingRestart({ rolling }: Sizes): Promise<Measured> {
  const stand = await Stand.start();
  const machine = await stand.machine();
  const gateways = [await stand.addGateway(), await stand.addGateway()];
  const isDraining = new Set<number>();
  const load = await GroupLoad.create(stand, rolling);
  // A load balancer sends new connections to gateways that are ready.
  const balance = (client: number) => {
    const ready = [0, 1].filter((index) => !isDraining.has(index));
    return gateways[ready[client % ready.length] ?? 0] as TestProcess;
  };
  const swarm = swarmAt(stand, balance, rolling, { hasLedger: true });
  try {
    await connected(swarm, rolling);
    swarm.resyncs.clear();
    load.start(RATE);
    const begun = performance.now();
    const live: { at: number; live: number }[] = [];
    const sampling = setInterval(() => live.push({ at: performance.now(), live: swarm.live }), BIN_MS);
    const watch = new GatewayWatch(() => gateways);
    await new Promise((resolve) => setTimeout(resolve, MARGIN_MS));
    const drains: string[] = [];
    for (const index of [0, 1]) {
      isDraining.add(index);
      const from = performance.now();
      await gateways[index]?.stop(STOPPED_WITHIN_MS);
      gateways[index] = await stand.addGateway();
      isDraining.delete(index);
      drains.push(`${((from - begun) / 1_000).toFixed(0)} to ${((performance.now() - begun) / 1_000).toFixed(0)} s`);
    }
    await connected(swarm, rolling);
    await new Promise((resolve) => setTimeout(resolve, MARGIN_MS));
    clearInterval(sampling);
    const seconds = (performance.now() - begun) / 1_000;
    await load.stop();
    const isComplete = () => swarm.missed((client) => load.lastOf(client)) === 0;
    await eventually(isComplete, { within: SETTLED_WITHIN_MS, what: 'all messages' }).catch(() => undefined);
    const missed = swarm.missed((client) => load.lastOf(client)) + swarm.gaps;
    const waiting = await watch.stop();

    const second = (at: number) => (at - begun) / 1_000;
    const bins = new Map<number, number>();
    for (const { at } of swarm.reconnects) {
      const bin = Math.floor((at - begun) / BIN_MS);
      bins.set(bin, (bins.get(bin) ?? 0) + 1);
    }
    const perBin = Array.from({ length: Math.ceil((seconds * 1_000) / BIN_MS) }, (_, bin): Point => {
      return { series: 'reconnects in 100 ms', x: (bin * BIN_MS) / 1_000, y: bins.get(bin) ?? 0 };
    });
    const { p50, p99, max } = quantilesOf(swarm.reconnects.map(({ absenceMs }) => absenceMs));
    const resyncs = [...swarm.resyncs].map(([reason, count]) => `${reason} ${count}`).join(', ') || 'none';
    const figure = (name: string, value: string) => ({ name, value, goal: '', isMet: null });
    return {
      machine,
      figures: [
        { name: `events missed, of ${load.sent} messages`, value: `${missed}`, goal: '0', isMet: missed === 0 },
        figure('reconnects, most in 100 ms', `${swarm.reconnects.length}, ${Math.max(0, ...bins.values())}`),
        figure(
          'time of a client without a live connection, p50 / p99 / longest',
          `${[p50, p99, max].map((ms) => (ms / 1_000).toFixed(1)).join(' / ')} s`,
        ),
        figure('least connected clients', `${Math.min(...live.map((one) => one.live))} of ${rolling}`),
        figure('resyncs by reason, most reads of sync pages that waited', `${resyncs}; ${waiting}`),
        figure('events that came again, and were dropped by sequence', `${swarm.repeats}`),
      ],
      notes: [
        `The gateways were replaced from ${drains.join(', and from ')}, with ${RATE} messages per second to groups of ten. \`GATEWAY_DRAIN\` is 20 s.`,
      ],
      plots: {
        reconnects: {
          title: 'Rolling restart of two gateways: reconnects',
          subtitle: `${rolling} clients`,
          y: 'in 100 ms',
          points: [
            ...perBin,
            ...watch.samples.map((one): Point => {
              return { series: 'reads of sync pages that wait', x: second(one.at), y: one.waiting };
            }),
          ],
        },
        connected: {
          title: 'Rolling restart of two gateways: connected clients',
          subtitle: `${rolling} clients`,
          y: 'clients',
          points: live.map((one): Point => ({ series: 'live', x: second(one.at), y: one.live })),
        },
      },
    };
  } finally {
    await load.stop();
    swarm.stop();
    await stand.stop();
  }
}
