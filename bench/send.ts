/**
 * Messages stored and dispatched per second, on private services of this machine: Parley alone, or in turns with what it is compared with.
 * A closed loop keeps a number of commands in flight; 200-byte bodies, groups of two, Zipf 1.0. `--help` says what it can be told.
 */
import { HELP, readOptions } from './options.js';
import { startParley } from './parley.js';
import { startPlainService } from './plain-service.js';
import { startPrivateServices } from './private-services.js';
import { isClosed, report } from './report.js';
import { runRounds } from './rounds.js';
import { Station } from './station.js';
import { Workload } from './workload.js';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

/** What has been started, the latest first. */
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
  const workload = new Workload(options.chats);
  const services = await start('PostgreSQL and RabbitMQ', startPrivateServices);
  const subjects = [await start('Parley', () => startParley(services, options))];
  for (const which of ['usual', 'ceiling'] as const)
    if (options[which])
      subjects.push(await start(`the ${which} service`, () => startPlainService(which, services, options, workload)));
  const stations: Station[] = [];
  for (const subject of subjects)
    stations.push(
      await start(`load for ${subject.title}`, () =>
        Station.open(subject, services, options.inFlight, interruption.signal),
      ),
    );
  const series = await runRounds(stations, workload, options);
  console.log(report(series));
  if (!isClosed(series)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  for (const one of started) await one.stop().catch((error: Error) => console.error(`not stopped: ${error.message}`));
}
