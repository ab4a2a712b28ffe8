/**
 * The database's disk runs full: once under its tables, where statements fail, and once under its log, where the server
 * gives up.
 */
import {
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../support/eventually.js';
import { scratchFolder } from '../../support/services/services.js';
import { whyNoSmallDisk } from '../../support/services/small-disk.js';
import { type FleetHarness, lasting, WITHIN_MS } from '../fleet-harness.js';
import type { Scenario } from './scenario.js';

/** More than a round writes. */
const DISK_MIB = 512;
const FULL_MS = 3_000;
const WAITING_COMMANDS = 50;
const ROW = 'disk full';
const TABLESPACE = 'small';

const skipReason = () => whyNoSmallDisk(scratchFolder('disk'));

/** A folder on the disk that is the server's own. */
function serversFolder(harness: FleetHarness, name: string): string {
  const { uid, gid } = statSync(join(harness.databaseFolder, 'cluster'));
  const folder = join(harness.smallDisk(DISK_MIB).folder, name);
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, uid, gid);
  return folder;
}

async function moveTables(harness: FleetHarness): Promise<void> {
  const folder = serversFolder(harness, 'tables');
  await harness.fleet.query(`CREATE TABLESPACE ${TABLESPACE} LOCATION '${folder}'`);
  for (const kind of ['TABLE', 'INDEX']) {
    // Moves all files at once; working processes may block it.
    const move = () =>
      harness.fleet.query(`ALTER ${kind} ALL IN TABLESPACE pg_default SET TABLESPACE ${TABLESPACE}`).then(() => true);
    await eventually(move, { within: WITHIN_MS, what: `every ${kind} is on the small disk` });
  }
}

async function moveLog(harness: FleetHarness): Promise<void> {
  await harness.stopDatabase();
  const log = join(harness.databaseFolder, 'cluster', 'pg_wal');
  const { uid, gid } = lstatSync(log);
  const folder = serversFolder(harness, 'log');
  cpSync(log, folder, { recursive: true, preserveTimestamps: true });
  renameSync(log, `${log}.before`);
  symlinkSync(folder, log);
  // Copies belong to root otherwise.
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    chownSync(join(folder, name), uid, gid);
  rmSync(`${log}.before`, { recursive: true });
  await harness.startDatabase();
  await harness.flows();
}

/**
 * The guarantees while the disk is full: the worker is alive and not ready, no command gets a final receipt, and
 * commands wait.
 */
async function standsStill(harness: FleetHarness): Promise<void> {
  const [worker] = harness.workers;
  await harness.unready(worker, /./);
  const alive = await fetch(`${worker?.opsUrl}/livez`);
  if (alive.status !== 200) throw new Error(`/livez says ${alive.status}`);
  await harness.sends(WAITING_COMMANDS);
  await lasting(FULL_MS);
  if (harness.fleet.ledger.unanswered === 0) throw new Error('everything was answered: the disk was not full');
}

export const disk: Scenario[] = [
  {
    name: 'database-tables-full',
    row: ROW,
    what: 'the file system of the tables is full (SQLSTATE 53100), then has space again',
    harness: { ownDatabase: { fsync: 'off' } },
    skipReason,
    async play(harness, round) {
      if (round === 0) await moveTables(harness);
      const disk = harness.smallDisk(DISK_MIB);
      disk.fill();
      await standsStill(harness);
      const said = harness.workers[0]?.output ?? '';
      if (!said.includes('53100')) throw new Error('no statement has failed for want of room');
      disk.makeRoom();
      await harness.workers[0]?.ready(WITHIN_MS);
      await harness.flows();
    },
  },
  {
    name: 'database-log-full',
    row: ROW,
    what: 'the file system of the write-ahead log is full: the server ends with PANIC, and is started when there is space again',
    harness: { ownDatabase: { fsync: 'off', max_wal_size: '64MB', min_wal_size: '32MB' } },
    skipReason,
    async play(harness, round) {
      if (round === 0) await moveLog(harness);
      const disk = harness.smallDisk(DISK_MIB);
      disk.fill();
      const givesUp = () =>
        harness.fleet.query('SELECT pg_switch_wal()').then(
          () => false,
          () => true,
        );
      await eventually(givesUp, { within: WITHIN_MS, what: 'the server ends because its log is full' });
      await standsStill(harness);
      const said = readFileSync(join(harness.databaseFolder, 'server.log'), 'utf8');
      if (!/PANIC.*No space left on device/.test(said)) throw new Error('the server did not give up for want of room');
      disk.makeRoom();
      // As an operator would: the server may have ended, or be about to.
      await harness.stopDatabase();
      await harness.startDatabase();
      await harness.workers[0]?.ready(WITHIN_MS);
      await harness.flows();
    },
  },
];
