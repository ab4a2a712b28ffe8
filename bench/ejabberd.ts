/**
 * ejabberd alone, under the load of the bench: messages archived in PostgreSQL and delivered per second. `--help` lists
 * the options; ejabberd/README.md says which figures are comparable.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../src/infrastructure/embedded/postgres-server.js';
import { findEjabberd } from './ejabberd/installed-program.js';
import { HELP, readOptions } from './ejabberd/options.js';
import { type EjabberdFigures, startEjabberd } from './ejabberd/peer.js';
import { isClosed, report, roundLine } from './ejabberd/report.js';
import { showProgress } from './running/progress.js';

/** The warm-up before the first round has the messages of a round, divided by this. */
const WARM_UP_SHARE = 4;

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

/** How to stop each started service, the latest first. */
const undo: (() => void | Promise<void>)[] = [];

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(HELP);
    return;
  }
  findEjabberd(); // fails before anything is started
  interruption.signal.throwIfAborted();
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
  undo.unshift(() => rmSync(folder, { recursive: true, force: true }));
  console.error('starting PostgreSQL');
  const postgres = await startPostgres({ folder: join(folder, 'postgres') });
  undo.unshift(() => postgres.stop());
  console.error('starting ejabberd and its clients');
  const peer = await startEjabberd(postgres, options, interruption.signal);
  undo.unshift(() => peer.stop());

  const measure = async (title: string, prefix: string, count: number) => {
    const progress = showProgress(title, count);
    try {
      return await peer.measure(count, prefix, progress.at);
    } finally {
      progress.end();
    }
  };
  await measure('warm-up', 'warm-up-', Math.ceil(options.messages / WARM_UP_SHARE));
  const rounds: EjabberdFigures[] = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    const figures = await measure(`round ${round}`, `round-${round}-`, options.messages);
    rounds.push(figures);
    console.error(roundLine(round, figures));
  }
  console.log(report(peer.title, rounds));
  if (!isClosed(rounds)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  for (const one of undo)
    await Promise.resolve()
      .then(one)
      .catch((error: Error) => console.error(`not stopped: ${error.message}`));
}
