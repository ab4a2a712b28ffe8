/**
 * What the typed client costs beside the raw statement that it replaced (ADR 0020): latency and processor time of each
 * read, in turns on one connection, and memory of a process that uses it. Five to ten minutes, on a private PostgreSQL.
 * Usage: npm run bench -- typed-reads [--rounds N]
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs, promisify } from 'node:util';
import pg from 'pg';
import { openDatabase } from '../src/adapters/stores/prisma/prisma-database.js';
import { PrismaTransportState } from '../src/adapters/stores/prisma/prisma-transport-state.js';
import { startPostgres } from '../src/infrastructure/embedded/postgres-server.js';
import { migrate } from '../src/infrastructure/postgres/migrations.js';
import { compileWebAssemblyInOneThread } from '../src/infrastructure/process/v8-tuning.js';
import { median } from './measuring/quantiles.js';
import { loadNow } from './reporting/machine.js';
import { LOAD, type Pair, pairs } from './typed-reads/pairs.js';

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));
const DEFAULT_ROUNDS = '100';
/** Calls of each kind in a round: few, so that a slowdown of the machine meets both kinds. */
const CALLS = 20;
const WARM_UP_CALLS = 200;
/** A process that measures its memory makes so many calls of each read. */
const MEMORY_CALLS = 200;
const MEMORY_PROCESSES = 5;
const KINDS = ['raw', 'typed'] as const;
type Kind = (typeof KINDS)[number];
/** With all reads, and with those of a worker. */
const PROCESSES = ['api', 'worker'] as const;
type Process = (typeof PROCESSES)[number];
const BYTES_PER_MIB = 2 ** 20;

interface Cost {
  latencyUs: number;
  cpuUs: number;
}

async function block(read: Pair[Kind], first: number): Promise<Cost> {
  const latencies: number[] = [];
  const before = process.cpuUsage();
  for (let n = first; n < first + CALLS; n += 1) {
    const began = performance.now();
    await read(n);
    latencies.push((performance.now() - began) * 1_000);
  }
  const { user, system } = process.cpuUsage(before);
  return { latencyUs: median(latencies), cpuUs: (user + system) / CALLS };
}

/** Rounds in alternating order. */
async function compare(pair: Pair, rounds: number): Promise<Record<Kind, Cost[]>> {
  for (let n = 0; n < WARM_UP_CALLS; n += 1)
    if (!isDeepStrictEqual(normalized(await pair.raw(n)), normalized(await pair.typed(n))))
      throw new Error(`${pair.name}: the results differ`);
  const costs: Record<Kind, Cost[]> = { raw: [], typed: [] };
  for (let round = 0; round < rounds; round += 1)
    for (const kind of round % 2 === 0 ? KINDS : KINDS.toReversed())
      costs[kind].push(await block(pair[kind], round * CALLS));
  return costs;
}

/** Without the prototypes of Prisma's rows and the order of their columns. */
function normalized(result: unknown): unknown {
  return JSON.parse(JSON.stringify(result ?? null));
}

interface Footprint {
  coldMs: number;
  residentMib: number;
  heapMib: number;
}

/** In a process of its own, tuned like a worker. `of`: which reads. */
async function footprint(kind: Kind, of: Process, url: string): Promise<Footprint> {
  compileWebAssemblyInOneThread();
  const database = openDatabase({ url, poolSize: 2 });
  // In every process of a fleet on AMQP. It compiles the first typed statement.
  await new PrismaTransportState(database).read(['none']);
  const reads = pairs(database).filter(({ inWorker = false }) => inWorker || of === 'api');
  const began = performance.now();
  for (const pair of reads) await pair[kind](0);
  const coldMs = performance.now() - began;
  for (const pair of reads) for (let n = 0; n < MEMORY_CALLS; n += 1) await pair[kind](n);
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  await database.$disconnect();
  return { coldMs, residentMib: rss / BYTES_PER_MIB, heapMib: heapUsed / BYTES_PER_MIB };
}

async function footprints(of: Process, url: string): Promise<Record<Kind, Footprint[]>> {
  const found: Record<Kind, Footprint[]> = { raw: [], typed: [] };
  for (let n = 0; n < MEMORY_PROCESSES; n += 1)
    for (const kind of n % 2 === 0 ? KINDS : KINDS.toReversed()) {
      const args = ['--expose-gc', fileURLToPath(import.meta.url), '--footprint', kind, '--of', of, '--url', url];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      found[kind].push(JSON.parse(stdout) as Footprint);
    }
  return found;
}

/** The median, and the middle half of the values. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN);
  return `${Math.round(median(values))} (${at(0.25)} to ${at(0.75)})`;
}

async function main(rounds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'parley-typed-reads-'));
  chmodSync(folder, 0o711); // the account of PostgreSQL passes through
  try {
    const server = await startPostgres({ folder: join(folder, 'postgres'), database: 'reads' });
    try {
      const url = Object.assign(new URL(server.url), { pathname: '/reads' }).href;
      await migrate({ url, folder: MIGRATIONS });
      const sql = new pg.Client({ connectionString: url });
      await sql.connect();
      await sql.query(LOAD);
      await sql.end();
      await measure(url, rounds);
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(url: string, rounds: number): Promise<void> {
  console.log(`Load average before: ${loadNow()}. ${rounds} rounds of ${CALLS} calls each, in turns.\n`);
  console.log('| read | p50, µs: raw | p50, µs: typed | CPU, µs: raw | CPU, µs: typed | CPU, typed − raw, µs |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  const database = openDatabase({ url, poolSize: 2 });
  for (const pair of pairs(database)) {
    const { raw, typed } = await compare(pair, rounds);
    const of = (costs: Cost[], what: keyof Cost) => costs.map((cost) => cost[what]);
    const differences = typed.map(({ cpuUs }, round) => cpuUs - (raw[round]?.cpuUs ?? Number.NaN));
    const cells = [
      ...[spread(of(raw, 'latencyUs')), spread(of(typed, 'latencyUs'))],
      ...[spread(of(raw, 'cpuUs')), spread(of(typed, 'cpuUs')), spread(differences)],
    ];
    console.log(`| ${[pair.name, ...cells].join(' | ')} |`);
  }
  await database.$disconnect();
  for (const of of PROCESSES) {
    const { raw, typed } = await footprints(of, url);
    const reads = of === 'api' ? 'all of these reads' : "a worker's reads (store id, heartbeat)";
    console.log(`\nA process with ${reads}, ${MEMORY_PROCESSES} of each kind, in turns:\n`);
    console.log('| | raw | typed |\n| --- | --- | --- |');
    const line = (name: string, what: keyof Footprint) =>
      console.log(`| ${name} | ${[raw, typed].map((found) => spread(found.map((each) => each[what]))).join(' | ')} |`);
    line('the first call of each, ms', 'coldMs');
    line(`resident after ${MEMORY_CALLS} calls of each, MiB`, 'residentMib');
    line('of it in use in the heap, MiB', 'heapMib');
  }
  console.log(`\nLoad average after: ${loadNow()}.`);
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: DEFAULT_ROUNDS },
    footprint: { type: 'string' },
    of: { type: 'string', default: 'api' },
    url: { type: 'string', default: '' },
  },
});
if (values.footprint === undefined) await main(Number(values.rounds));
else console.log(JSON.stringify(await footprint(values.footprint as Kind, values.of as Process, values.url)));
