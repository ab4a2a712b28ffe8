/**
 * The cost of a batch: its statements as PostgreSQL counts them, their plans (EXPLAIN (ANALYZE, BUFFERS) of the real
 * calls, by auto_explain), and the delay of the worker's event loop. W1 on Parley alone, about a minute.
 * Usage: npm run bench -- explain [-- --messages N --chats N --plans]
 */
import { parseArgs } from 'node:util';
import { loggedPlans } from './measuring/plans.js';
import { Station } from './measuring/station.js';
import { Bodies } from './population/bodies.js';
import { loadPopulation } from './population/load-population.js';
import { Population } from './population/population.js';
import { table } from './reporting/report.js';
import { underLoad } from './running/bench-harness.js';
import { type PrivateServices, query, startPrivateServices } from './running/private-services.js';
import { startParley } from './subjects/parley.js';
import { SteadyWorkload } from './workloads/steady.js';

const SETTINGS = {
  shared_preload_libraries: 'pg_stat_statements,auto_explain',
  // Parameters are never logged: they contain the texts of messages.
  'auto_explain.log_parameter_max_length': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_timing': 'off',
};
const TEMPLATE = 'bench_template';
const IN_FLIGHT = 4_000;
/** As a share of the messages. Few suffice, because every plan is logged. */
const EXPLAINED_SHARE = 0.25;
const STATEMENT_LETTERS = 70;

interface Counted {
  statement: string;
  calls: number;
  rows: number;
  milliseconds: number;
  buffers: number;
  walBytes: number;
}

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interruption.abort(new Error('interrupted')));

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '12000' },
    chats: { type: 'string', default: '4000' },
    plans: { type: 'boolean', default: false },
  },
});
const messages = Number(values.messages);
const chats = Number(values.chats);

async function explain(services: PrivateServices, started: { stop(): Promise<void> }[]): Promise<void> {
  const population = new Population(chats);
  await loadPopulation(await services.createDatabase(TEMPLATE), population, () => undefined);
  const options = { workers: 1, partitions: 8, sampleRate: '0.01', nodeFlags: [] };
  const parley = await startParley(services, options, { template: TEMPLATE });
  started.unshift(parley);
  const station = await Station.open(parley, services, IN_FLIGHT, interruption.signal);
  started.unshift(station);
  const load = new SteadyWorkload(population, new Bodies('mix'));
  const run = (count: number, seed: number) =>
    underLoad(station, load, { count, seed }, (commands, prefix) =>
      station.measure(commands, count, prefix, () => undefined),
    );

  const { databaseUrl } = parley;
  await query(databaseUrl, 'CREATE EXTENSION pg_stat_statements');
  await run(messages, 1);
  await query(databaseUrl, 'SELECT pg_stat_statements_reset()');
  const figures = await run(messages, 2);
  const { batch, loopDelayMs, faults } = figures;
  const batches = batch?.count ?? 0;
  console.log(statementsTable(await countedStatements(databaseUrl), batches));
  console.log(
    `\n${batches} batches of ${batch?.commands.toFixed(0)} commands; reading ${batch?.readingMs.toFixed(1)} ms, transaction ${batch?.transactionMs.toFixed(1)} ms`,
  );
  const { p50, p99, max } = loopDelayMs ?? {};
  console.log(
    `the worker's event loop was late by ${p50?.toFixed(1)} ms (p50), ${p99?.toFixed(1)} (p99), ${max?.toFixed(1)} (max)`,
  );
  if (faults.length > 0) throw new Error(`void: ${faults.join(', ')}`);

  await query(databaseUrl, "ALTER SYSTEM SET auto_explain.log_min_duration = '0'");
  await query(databaseUrl, 'SELECT pg_reload_conf()');
  await run(Math.ceil(messages * EXPLAINED_SHARE), 3);
  for (const { statement, calls, buffersPerCall, millisecondsPerCall, plan } of loggedPlans(
    services.postgresLog,
    STATEMENT_LETTERS,
  )) {
    console.log(
      `\n${statement} …\n${calls} calls, ${millisecondsPerCall.toFixed(2)} ms and ${buffersPerCall.toFixed(0)} buffers each`,
    );
    if (values.plans) console.log(plan);
  }
}

async function countedStatements(databaseUrl: string): Promise<Counted[]> {
  return query<Counted>(
    databaseUrl,
    `SELECT s.query AS statement, s.calls::float8, s.rows::float8, s.total_exec_time AS milliseconds,
       (s.shared_blks_hit + s.shared_blks_read)::float8 AS buffers, s.wal_bytes::float8 AS "walBytes"
     FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
     WHERE d.datname = current_database() ORDER BY s.total_exec_time DESC`,
  );
}

function statementsTable(counted: readonly Counted[], batches: number): string {
  const often = counted.filter(({ calls }) => calls >= batches / 10);
  return table([
    ['statement', 'calls a batch', 'rows a call', 'ms a call', 'buffers a call', 'WAL bytes a call'],
    ...often.map(({ statement, calls, rows, milliseconds, buffers, walBytes }) => [
      statement.replace(/\s+/g, ' ').slice(0, STATEMENT_LETTERS),
      (calls / batches).toFixed(2),
      ...[rows, milliseconds, buffers, walBytes].map((value, index) => (value / calls).toFixed(index === 1 ? 2 : 0)),
    ]),
  ]);
}

const started: { stop(): Promise<void> }[] = [];
try {
  const services = await startPrivateServices(SETTINGS);
  started.unshift(services);
  await explain(services, started);
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  for (const one of started) await one.stop().catch((error: Error) => console.error(`not stopped: ${error.message}`));
}
