/**
 * How long a tenant waits for receipts: alone, and while another tenant floods the same worker, with a quota and
 * without.
 */
import { DispatchWatch } from '../measuring/dispatch-watch.js';
import { quantile } from '../measuring/station.js';
import { spread, table } from '../reporting/report.js';
import type { PrivateServices } from '../running/private-services.js';
import { startParley } from '../subjects/parley.js';
import { policyWithSends } from './quota-policy.js';
import { type SteadyFigures, SteadyLoad } from './steady-load.js';
import { Workload } from './workload.js';

const ROUNDS = 3;
const PHASE_SECONDS = 4;
const CHATS = 40;
/** Sends per second. */
const NEIGHBOUR_RATE = 50;
const QUOTA_RATE = 200;
const FLOOD_RATE = 4_000;
const CREATE_RATE = 200;

interface Place {
  neighbour: { load: SteadyLoad; workload: Workload };
  flood: { load: SteadyLoad; workload: Workload };
  stop(): Promise<void>;
}

interface Phase {
  neighbour: SteadyFigures;
  flood: SteadyFigures | null;
}

const PHASES = ['alone', 'beside a flood with a quota', 'beside a flood without'] as const;

export async function compareNeighbours(services: PrivateServices, stopping: AbortSignal): Promise<string> {
  const policy = policyWithSends(QUOTA_RATE, '1s');
  const places: Place[] = [];
  try {
    const guarded = await open(services, 'guarded', { POLICY_FILE: policy.file }, stopping);
    places.push(guarded);
    const unguarded = await open(services, 'unguarded', {}, stopping);
    places.push(unguarded);
    const phases: Phase[][] = PHASES.map(() => []);
    // The first pass is the warm-up.
    for (let round = 0; round <= ROUNDS; round += 1) {
      const measured = [
        await phase(guarded, `${round}-alone-`, 0, stopping),
        await phase(guarded, `${round}-guarded-`, FLOOD_RATE, stopping),
        await phase(unguarded, `${round}-unguarded-`, FLOOD_RATE, stopping),
      ];
      for (const [index, one] of measured.entries()) if (round > 0) phases[index]?.push(one);
      console.error(`neighbour: ${round === 0 ? 'warm-up' : `round ${round} of ${ROUNDS}`}`);
    }
    for (const { neighbour } of phases.flat())
      if (neighbour.refused > 0) throw new Error(`${neighbour.refused} of the neighbour's were refused: void`);
    const at = (share: number) => (one: Phase) => quantile(one.neighbour.latencies, share);
    const row = (label: string, of: (one: Phase) => number) => [
      label,
      ...phases.map((rounds) => spread(rounds.map(of), 0)),
    ];
    return table([
      [`neighbour at ${NEIGHBOUR_RATE}/s; flood at ${FLOOD_RATE}/s, quota ${QUOTA_RATE}/s`, ...PHASES],
      row('send → receipt, p50, ms', at(0.5)),
      row('send → receipt, p99, ms', at(0.99)),
      row("of the flood's: accepted", ({ flood }) => flood?.accepted ?? 0),
      row("of the flood's: refused", ({ flood }) => flood?.refused ?? 0),
    ]);
  } finally {
    for (const place of places) await place.stop();
    policy.remove();
  }
}

async function open(
  services: PrivateServices,
  namespace: string,
  env: Record<string, string>,
  stopping: AbortSignal,
): Promise<Place> {
  const options = { workers: 1, partitions: 8, sampleRate: '0.01', nodeFlags: [] };
  const parley = await startParley(services, options, { namespace, env });
  const dispatch = await DispatchWatch.connect(services.amqpUrl, `${namespace}.dispatch`, true);
  const tenant = async (name: string) => {
    const load = await SteadyLoad.connect(services.amqpUrl, namespace);
    const workload = new Workload(CHATS, name);
    await load.run(workload.creations(), CREATE_RATE, stopping);
    return { load, workload };
  };
  const neighbour = await tenant('neighbour');
  const flood = await tenant('flood');
  return {
    neighbour,
    flood,
    stop: async () => {
      await neighbour.load.close();
      await flood.load.close();
      await dispatch.close();
      await parley.stop();
    },
  };
}

async function phase(
  { neighbour, flood }: Place,
  prefix: string,
  floodRate: number,
  stopping: AbortSignal,
): Promise<Phase> {
  const sends = ({ load, workload }: Place['flood'], rate: number) =>
    load.run(workload.messages(rate * PHASE_SECONDS, prefix), rate, stopping);
  const [calm, wild] = await Promise.all([
    sends(neighbour, NEIGHBOUR_RATE),
    floodRate === 0 ? null : sends(flood, floodRate),
  ]);
  return { neighbour: calm, flood: wild };
}
