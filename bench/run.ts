/**
 * The bench: Parley, the ceiling and the naive service in turns, on private services, under the workloads W1 to W7,
 * with a report at the end. `--help` lists the options; README.md explains the method.
 */

import { findEjabberd } from './ejabberd/installed-program.js';
import { startEjabberd } from './ejabberd/peer.js';
import { isClosed } from './measuring/closed.js';
import { writeFlameGraphs } from './measuring/flame-graph.js';
import { Station } from './measuring/station.js';
import { HELP, LIVE_TITLE, readOptions } from './options.js';
import { backlogSteps } from './phases/backlog.js';
import { diskSteps } from './phases/disk.js';
import { quietSteps, rateSteps } from './phases/rates.js';
import { readerSteps } from './phases/readers.js';
import { roundSteps } from './phases/rounds.js';
import { settleSteps } from './phases/settle.js';
import { verifySteps } from './phases/verify.js';
import { Bodies, ircLengths } from './population/bodies.js';
import { loadPopulation } from './population/load-population.js';
import { Population } from './population/population.js';
import type { BenchResult } from './reporting/bench-result.js';
import { currentCommit, describeMachine } from './reporting/machine.js';
import { writeReport } from './reporting/report-files.js';
import { markdown } from './reporting/report-markdown.js';
import type { Stage } from './running/bench-harness.js';
import { query, startPrivateServices } from './running/private-services.js';
import { showProgress } from './running/progress.js';
import { runSteps, type Step } from './running/steps.js';
import { startParleyWithReader } from './subjects/live-reader.js';
import { startParley } from './subjects/parley.js';
import { startPlainService } from './subjects/plain-service.js';
import type { Subject } from './subjects/subject.js';
import { SteadyWorkload } from './workloads/steady.js';

/** A database with the chats only; each subject gets a copy. */
const TEMPLATE = 'bench_template';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

/** The default load of `node dist/bench/ejabberd.js`. */
const EJABBERD = { clients: 400, conversations: 2_000, inRooms: false, isZipf: false, inFlight: 2_000 };

/** The started services, the latest first. */
const started: { stop(): Promise<void> }[] = [];

async function start<T extends { stop(): Promise<void> }>(what: string, begin: () => Promise<T>): Promise<T> {
  interruption.signal.throwIfAborted();
  console.error(`starting ${what}`);
  const one = await begin();
  started.unshift(one);
  return one;
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(HELP);
    return;
  }
  if (options.peer === 'ejabberd') findEjabberd(); // fails before anything is started
  const startedAt = new Date().toISOString();
  const bodies = new Bodies(options.bodies, options.bodies === 'irc' ? ircLengths(options.ircFolder) : []);
  const services = await start('PostgreSQL and RabbitMQ', () =>
    startPrivateServices(options.settings, options.postgres),
  );
  const population = new Population(options.chats);
  const template = await services.createDatabase(TEMPLATE);
  const loading = showProgress('loading chats', population.chats);
  await loadPopulation(template, population, loading.at);
  loading.end();
  if (options.prepare !== null) await query(template, options.prepare);

  const parley = await start('Parley', () => startParley(services, options, { template: TEMPLATE }));
  const subjects: Subject[] = [parley];
  if (options.live && options.only.has('W1'))
    subjects.push(await start(LIVE_TITLE, () => startParleyWithReader(services, options, TEMPLATE)));
  const others = options.only.has('W1') ? options.compared : [];
  const compared = [];
  for (const which of others)
    compared.push(await start(`the ${which} service`, () => startPlainService(which, services, options, TEMPLATE)));
  const stations: Station[] = [];
  for (const subject of [...subjects, ...compared])
    stations.push(
      await start(`load for ${subject.title}`, () =>
        Station.open(subject, services, options.inFlight, interruption.signal),
      ),
    );
  const { signal } = interruption;
  const { postgresPid: pid } = services;
  const peer =
    options.peer === null || !options.only.has('W1')
      ? null
      : await start(options.peer, () => startEjabberd({ url: parley.databaseUrl, pid }, EJABBERD, signal));
  const stage: Stage = {
    ...{ options, services, population, bodies, parley, stations, stopping: interruption.signal },
    peer,
    steady: new SteadyWorkload(population, bodies),
    result: { lanes: [], peer: null, rates: [], backlog: [], readers: [], disk: null, verified: null },
  };
  const machine = await describeMachine(parley.databaseUrl, services.amqpUrl);
  const steps: Step[] = [
    ...(options.only.has('W1') && !options.closed ? diskSteps(stage) : []),
    ...roundSteps(stage),
    ...(options.only.has('W1') && !options.closed ? [...settleSteps(stage), ...rateSteps(stage)] : []),
    ...(options.only.has('W7') ? quietSteps(stage) : []),
    ...(options.only.has('W5') ? backlogSteps(stage) : []),
    ...(options.only.has('W6') ? readerSteps(stage, start) : []),
    ...verifySteps(stage),
  ];
  const brokenOff = await runSteps(steps, interruption.signal).then(
    () => null,
    (error: Error) => error.message,
  );

  const { only, reports, profile, ircFolder: _, ...sizes } = options;
  const result: BenchResult = {
    ...{ startedAt, finishedAt: new Date().toISOString(), commit: currentCommit(), machine },
    options: { ...sizes, only: [...only] },
    ...stage.result,
    brokenOff,
  };
  console.log(markdown(result, null));
  if (reports !== null) console.error(`report: ${await writeReport(reports, result)}`);
  if (!isClosed(result)) process.exitCode = 1;
  if (profile !== null) {
    await parley.stop(); // a worker writes its profile when it stops
    for (const file of writeFlameGraphs(profile)) console.error(`flame graph: ${file}`);
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  for (const one of started) await one.stop().catch((error: Error) => console.error(`not stopped: ${error.message}`));
}
