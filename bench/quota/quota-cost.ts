/**
 * The processor time of a command that is rejected by a quota, compared with an accepted send: one worker, in turns.
 */
import { cpuSeconds } from '../measuring/cpu-time.js';
import { DispatchWatch } from '../measuring/dispatch-watch.js';
import { LoadDriver } from '../measuring/load-driver.js';
import { spread, table } from '../reporting/report.js';
import type { PrivateServices } from '../running/private-services.js';
import { startParley } from '../subjects/parley.js';
import { policyWithSends } from './quota-policy.js';
import { type BenchCommand, Workload } from './workload.js';

const MICROSECONDS_PER_SECOND = 1_000_000;
const ROUNDS = 5;
/**
 * Sends per round, and the quota of each tenant. Each round has one tenant within its quota, and one whose quota is
 * used up.
 */
const SENDS = 6_000;
/** More commands, because one rejected command takes too little time to measure. */
const REFUSALS = 16_000;
const CHATS = 400;
/** Maximum number of commands in flight. More of them make larger batches, and so cheaper sends. */
const IN_FLIGHTS = [1_000, 4_000];

/** A closed loop, and the costs by round. */
interface Load {
  inFlight: number;
  driver: LoadDriver;
  sends: Cost[];
  refusals: Cost[];
}

/** Microseconds per command. */
interface Cost {
  elapsed: number;
  worker: number;
  postgres: number;
  rabbitmq: number;
}

const ROWS: [string, (cost: Cost) => number][] = [
  ['elapsed', ({ elapsed }) => elapsed],
  ['CPU: worker', ({ worker }) => worker],
  ['CPU: PostgreSQL', ({ postgres }) => postgres],
  ['CPU: worker and PostgreSQL', ({ worker, postgres }) => worker + postgres],
  ['CPU: RabbitMQ', ({ rabbitmq }) => rabbitmq],
  ['CPU: these together', ({ worker, postgres, rabbitmq }) => worker + postgres + rabbitmq],
];

export async function compareCosts(services: PrivateServices, stopping: AbortSignal): Promise<string> {
  const policy = policyWithSends(SENDS, '24h');
  const options = { workers: 1, partitions: 8, sampleRate: '0.01', nodeFlags: [] };
  const parley = await startParley(services, options, { namespace: 'cost', env: { POLICY_FILE: policy.file } });
  const loads = await Promise.all(
    IN_FLIGHTS.map(async (inFlight): Promise<Load> => {
      const driver = await LoadDriver.connect(services.amqpUrl, 'cost', inFlight, stopping);
      return { inFlight, driver, sends: [], refusals: [] };
    }),
  );
  const dispatch = await DispatchWatch.connect(services.amqpUrl, 'cost.dispatch', true);

  const clocks = (): Cost => ({
    elapsed: performance.now() / 1000,
    worker: cpuSeconds(parley.pids),
    postgres: cpuSeconds([services.postgresPid]),
    rabbitmq: cpuSeconds([services.rabbitmqPid]),
  });

  /** Waits for all answers and, for accepted commands, the dispatch. Fails unless exactly this many are rejected. */
  async function measure(
    driver: LoadDriver,
    commands: Iterable<BenchCommand>,
    count: number,
    refused: number,
  ): Promise<Cost> {
    dispatch.reset();
    const before = clocks();
    const rejected = await driver.run(
      commands,
      () => undefined,
      () => undefined,
    );
    await dispatch.wait(count - refused, stopping);
    const after = clocks();
    if (rejected !== refused || dispatch.arrived !== count - refused)
      throw new Error(`${rejected} of ${count} refused, ${dispatch.arrived} dispatched: the run is void`);
    const each = (clock: keyof Cost) => ((after[clock] - before[clock]) / count) * MICROSECONDS_PER_SECOND;
    return {
      elapsed: each('elapsed'),
      worker: each('worker'),
      postgres: each('postgres'),
      rabbitmq: each('rabbitmq'),
    };
  }

  async function tenant(driver: LoadDriver, name: string): Promise<Workload> {
    const workload = new Workload(CHATS, name);
    await measure(driver, workload.creations(), CHATS, 0);
    return workload;
  }

  try {
    const [{ driver: anyDriver }] = loads as [Load];
    const flooding = await tenant(anyDriver, 'flooding');
    // Also the warm-up.
    await measure(anyDriver, flooding.messages(SENDS, 'allowed-'), SENDS, 0);
    await measure(anyDriver, flooding.messages(REFUSALS, 'warm-up-'), REFUSALS, REFUSALS);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { inFlight, driver, sends, refusals } of loads) {
        const name = `${round}-${inFlight}`;
        const calm = await tenant(driver, `calm-${name}`);
        const turns = [
          async () => sends.push(await measure(driver, calm.messages(SENDS, `calm-${name}-`), SENDS, 0)),
          async () =>
            refusals.push(await measure(driver, flooding.messages(REFUSALS, `over-${name}-`), REFUSALS, REFUSALS)),
        ];
        for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
      }
      console.error(`cost: round ${round + 1} of ${ROUNDS}`);
    }
    return loads.map(costs).join('\n');
  } finally {
    for (const { driver } of loads) await driver.close();
    await dispatch.close();
    await parley.stop();
    policy.remove();
  }
}

function costs({ inFlight, sends, refusals }: Load): string {
  const ratios = (of: (cost: Cost) => number) =>
    sends.flatMap((send, round) => {
      const refusal = refusals[round];
      return refusal === undefined || of(refusal) === 0 ? [] : [of(send) / of(refusal)];
    });
  return table([
    [`µs a command, ${inFlight} in flight`, 'accepted send', 'refused send', 'ratio of each round'],
    ...ROWS.map(([label, of]) => [label, spread(sends.map(of), 0), spread(refusals.map(of), 0), spread(ratios(of), 1)]),
  ]);
}
