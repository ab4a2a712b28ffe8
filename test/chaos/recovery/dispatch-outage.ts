/**
 * The dispatch consumer is disconnected for a minute, at half of the maximum load. The load continues while it catches
 * up.
 */
import { eventually } from '../../support/eventually.js';
import { FleetHarness, lasting, WITHIN_MS } from '../fleet-harness.js';
import { MemoryWatch } from '../memory-watch.js';
import { type Measure, MS_PER_S, type Take } from './figure.js';

const OUTAGE_MS = 60_000;
const CATCH_UP_MAX_MS = 120_000;
const TRIALS = 2;
const TRIAL_COMMANDS = 5_000;
const TICK_MS = 50;
/** Far below the number of events of the outage: the rest waits in the log. */
const DISPATCH_MAX_BYTES = '4MiB';
/** A lag up to this counts as caught up. */
const LAG_MS = 500;

const DRAINED: Measure = {
  name: 'drained',
  what: `dispatch away ${OUTAGE_MS / MS_PER_S} s at half of what one worker took → caught up`,
  unit: 's',
  goal: 60,
};
const LOAD: Measure = { name: 'load', what: '… half of what it took', unit: '/s', goal: null };
const MEMORY: Measure = {
  name: 'memory',
  what: "… the worker's memory at its peak, until caught up",
  unit: 'MiB',
  goal: 256,
};
const MEMORY_BEFORE: Measure = { name: 'memory-before', what: '… before the outage', unit: 'MiB', goal: null };
/** Memory must not grow in the second half of the outage beyond the first. */
const MEMORY_GROWTH: Measure = {
  name: 'memory-growth',
  what: '… its peak in the whole outage above that in the first half',
  unit: 'MiB',
  goal: null,
};

class PacedLoad {
  sent = 0;
  private isOver = false;
  private readonly running: Promise<void>;
  private failure: Error | null = null;

  constructor(
    private readonly harness: FleetHarness,
    private readonly perSecond: number,
  ) {
    this.running = this.run().catch((error: Error) => {
      this.failure = error;
    });
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
    if (this.failure !== null) throw this.failure;
  }

  private async run(): Promise<void> {
    const began = performance.now();
    while (!this.isOver) {
      const due = ((performance.now() - began) / MS_PER_S) * this.perSecond;
      const published: Promise<void>[] = [];
      for (; this.sent < due; this.sent += 1) published.push(send(this.harness, 'paced', this.sent));
      await Promise.all(published);
      await lasting(TICK_MS);
    }
  }
}

function send(harness: FleetHarness, name: string, number: number): Promise<void> {
  const { chatId, users } = harness.chats[number % harness.chats.length] ?? { chatId: '', users: [] };
  const command = { type: 'message.send', commandId: `${name}${number}`, actorId: users[0] ?? '', chatId };
  return harness.fleet.producer.publish({ ...command, data: { body: `message ${number}` } });
}

/** Accepted commands per second with all costs, of a second trial, because a new process is slow. */
async function capacity(harness: FleetHarness): Promise<number> {
  let perSecond = 0;
  for (let trial = 1; trial <= TRIALS; trial += 1) {
    const began = performance.now();
    await Promise.all(Array.from({ length: TRIAL_COMMANDS }, (_, number) => send(harness, `trial${trial}-`, number)));
    await harness.fleet.allAnswered(WITHIN_MS);
    perSecond = TRIAL_COMMANDS / ((performance.now() - began) / MS_PER_S);
  }
  return perSecond;
}

/** Once, on its own harness, because an outage changes the memory of a worker. */
export async function dispatchOutage(take: Take): Promise<void> {
  const harness = await FleetHarness.open({ chats: 200, partitions: 8, isLoaded: false, env: { DISPATCH_MAX_BYTES } });
  let watch: MemoryWatch | undefined;
  let load: PacedLoad | undefined;
  try {
    const perSecond = (await capacity(harness)) / 2;
    watch = new MemoryWatch(harness.workers.map(({ pid }) => pid));
    await harness.fleet.dispatch.close();
    const others = TRIALS * TRIAL_COMMANDS + harness.chats.length;
    take(LOAD, perSecond);
    load = new PacedLoad(harness, perSecond);
    await lasting(OUTAGE_MS / 2);
    const halfway = watch.peakMib;
    await lasting(OUTAGE_MS / 2);
    const whole = watch.peakMib;
    await harness.fleet.connectDispatch();
    const back = performance.now();
    const lag = (perSecond * LAG_MS) / MS_PER_S;
    const behind = () => others + (load?.sent ?? 0) - harness.fleet.ledger.dispatchedCount;
    const began = behind();
    await eventually(() => behind() <= lag, { within: CATCH_UP_MAX_MS, what: 'dispatch catches up' }).catch(
      (error: Error) => {
        throw new Error(`${began} events behind when it came back, and now ${behind()}: ${error.message}`);
      },
    );
    take(DRAINED, (performance.now() - back) / MS_PER_S);
    take(MEMORY, watch.stop());
    take(MEMORY_BEFORE, watch.samplesMib[0] ?? 0);
    take(MEMORY_GROWTH, whole - halfway);
    await load.stop();
    const { faults } = await harness.settle();
    if (faults.length > 0) throw new Error(`the ledger does not close: ${faults.join('; ')}`);
  } finally {
    watch?.stop();
    await (load?.stop() ?? Promise.resolve()).finally(() => harness.close());
  }
}
