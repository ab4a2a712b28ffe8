/**
 * The guard of what a command costs: in a very short form of the bench, Parley beside the ceiling in turns on the same
 * servers. Absolute figures say nothing on a machine that others use; the ratios of each round do, of processor time
 * the best.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Figures, Station } from '../../bench/measuring/station.js';
import { Bodies } from '../../bench/population/bodies.js';
import { loadPopulation } from '../../bench/population/load-population.js';
import { Population } from '../../bench/population/population.js';
import { allButDriver, perSecond } from '../../bench/reporting/goals.js';
import { underLoad } from '../../bench/running/bench-harness.js';
import { createDatabase, type PrivateServices } from '../../bench/running/private-services.js';
import { startParley } from '../../bench/subjects/parley.js';
import { startPlainService } from '../../bench/subjects/plain-service.js';
import { SteadyWorkload } from '../../bench/workloads/steady.js';
import { postgres, rabbitmq, uniqueNamespace } from '../support/services/services.js';

const CHATS = 200;
const COMMANDS = 1_500;
/** Warm-up, because a process is slow after its start, and slower with more code. */
const WARM_UP_COMMANDS = 3_000;
const ROUNDS = 3;
const IN_FLIGHT = 1_000;
const TEST_TIMEOUT_MS = 180_000;

/**
 * Of the ceiling's, over all rounds. On a quiet machine the worker's processor time was 1.51 to 1.71 of it, and 1.98 to
 * 2.51 with 100 µs a command on top; with ten to twenty other busy processes on two cores up to 1.90, and 1.90 to 2.17.
 */
const WORKER_CPU_MAX = 1.95;
const ALL_CPU_MAX = 1.6;
const THROUGHPUT_MIN = 0.4;
/**
 * A value out of bounds is measured again before it counts: a burst of another process is over by then, a slower worker
 * is not.
 */
const ATTEMPTS = 2;

/** `npm run proof -- guard` plants the slip: then the test has to fail. */
const isPlanted = process.env.PARLEY_GUARD_PLANTED === 'yes';
const BURNING = fileURLToPath(new URL('./burning-worker.js', import.meta.url));

interface Series {
  station: Station;
  rounds: Figures[];
}

describe('the cost of a command', function () {
  this.timeout(TEST_TIMEOUT_MS);
  const started: { stop(): Promise<void> }[] = [];
  let ceiling: Series;
  let parley: Series;
  let load: SteadyWorkload;

  const sum = ({ rounds }: Series, of: (figures: Figures) => number) =>
    rounds.reduce((total, figures) => total + of(figures), 0);
  const ratio = (of: (figures: Figures) => number) => sum(parley, of) / sum(ceiling, of);
  const workerCpu = ({ cpu }: Figures) => cpu.service;

  before(async function () {
    if (!existsSync('/proc/self/stat')) {
      console.log('      the cost of a command is not guarded: processor time is measured on Linux only');
      this.skip();
    }
    const { url: serverUrl, pid: postgresPid } = await postgres();
    const { url: amqpUrl, node } = await rabbitmq();
    const template = `bench_${uniqueNamespace()}`;
    const services: PrivateServices = {
      ...{ amqpUrl, postgresPid, rabbitmqPid: node?.pid ?? 0, postgresLog: '' },
      createDatabase: (name, from) => createDatabase(serverUrl, name, from),
      stop: async () => undefined,
    };
    const population = new Population(CHATS);
    await loadPopulation(await services.createDatabase(template), population, () => undefined);

    const options = { workers: 1, partitions: 8, sampleRate: '0.01', nodeFlags: [], chats: CHATS };
    const { signal } = new AbortController();
    const open = async <T extends { stop(): Promise<void> }>(begin: Promise<T>): Promise<T> => {
      const one = await begin;
      started.unshift(one);
      return one;
    };
    const series = async (begin: Parameters<typeof Station.open>[0]): Promise<Series> => {
      return { station: await open(Station.open(begin, services, IN_FLIGHT, signal)), rounds: [] };
    };
    ceiling = await series(await open(startPlainService('ceiling', services, options, template, uniqueNamespace())));
    // The ceiling does not index either.
    const env = { SEARCH: 'off' };
    const given = { template, namespace: uniqueNamespace(), env, ...(isPlanted ? { program: BURNING } : {}) };
    parley = await series(await open(startParley(services, options, given)));

    load = new SteadyWorkload(population, new Bodies('mix'));
    await playRound(0, WARM_UP_COMMANDS);
    for (const { rounds } of [ceiling, parley]) rounds.length = 0;
  });

  /** Each in turn, on the same commands. */
  async function playRound(seed: number, count: number): Promise<void> {
    for (const { station, rounds } of [ceiling, parley]) {
      const figures = await underLoad(station, load, { count, seed }, (commands, prefix) =>
        station.measure(commands, count, prefix, () => undefined),
      );
      expect(figures.faults, `${station.subject.title}, round ${seed}`).to.deep.equal([]);
      rounds.push(figures);
    }
  }

  after(async () => {
    for (const one of started) await one.stop();
  });

  it("is within bounds of the ceiling's cost", async () => {
    const outside: string[] = [];
    for (let attempt = 0; attempt < ATTEMPTS && outside.length === attempt; attempt += 1) {
      for (const { rounds } of [ceiling, parley]) rounds.length = 0;
      for (let round = 1; round <= ROUNDS; round += 1) await playRound(attempt * ROUNDS + round, COMMANDS);
      const seen = `worker ${ratio(workerCpu).toFixed(2)}, all ${ratio(allButDriver).toFixed(2)}, throughput ${ratio(perSecond).toFixed(2)}`;
      console.log(`      of the ceiling's: ${seen}`);
      const isWithin =
        ratio(workerCpu) < WORKER_CPU_MAX && ratio(allButDriver) < ALL_CPU_MAX && ratio(perSecond) > THROUGHPUT_MIN;
      if (!isWithin) outside.push(seen);
    }
    expect(outside, 'out of bounds each time').to.have.length.below(ATTEMPTS);
  });
});
