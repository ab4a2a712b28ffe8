import { lasting } from '../fleet-harness.js';
import { deadlock, silentFor, strike, terminateFor, whileFailing, whileLocked } from '../scenarios/database.js';
import { type Act, duration } from './act.js';

/** Serialization failure, deadlock, no room on the disk, out of memory, no lock, cancelled. */
const SQL_STATES = ['40001', '40P01', '53100', '53200', '55P03', '57014'];
const LOCKS = ['SELECT FROM partitions FOR UPDATE', 'LOCK TABLE messages IN ACCESS EXCLUSIVE MODE'];
const COMMIT_FAULTS = ['lose the reply to COMMIT', 'lose COMMIT'] as const;

export const databaseActs: readonly Act[] = [
  {
    name: 'commit',
    where: 'database',
    weight: 18,
    draw(chance) {
      const [fault, times] = [chance.pick(COMMIT_FAULTS), 1 + chance.below(4)];
      return { what: `${fault}, ${times} times`, play: (harness) => strike(harness, fault, times) };
    },
  },
  {
    name: 'commit-swallowed',
    where: 'database',
    weight: 1,
    draw: () => ({
      what: 'COMMIT is passed on and its reply never arrives',
      play: (harness) => strike(harness, 'swallow the reply to COMMIT', 1),
    }),
  },
  {
    name: 'sessions-ended',
    where: 'database',
    weight: 8,
    draw(chance) {
      const forMs = duration(chance, 0, 800);
      return {
        what: `all sessions are terminated, repeatedly for ${forMs} ms`,
        play: (harness) => terminateFor(harness, forMs),
      };
    },
  },
  {
    name: 'locked',
    where: 'database',
    weight: 8,
    draw(chance) {
      const [statement, forMs] = [chance.pick(LOCKS), duration(chance, 100, 2_500)];
      return { what: `${statement}, for ${forMs} ms`, play: (harness) => whileLocked(harness, statement, forMs) };
    },
  },
  {
    name: 'failing',
    where: 'database',
    weight: 6,
    draw(chance) {
      const [sqlState, failures] = [chance.pick(SQL_STATES), 1 + chance.below(4)];
      return {
        what: `SQLSTATE ${sqlState} for every third batch, ${failures} of them`,
        play: (harness) => whileFailing(harness, sqlState, failures),
      };
    },
  },
  {
    name: 'deadlock',
    where: 'database',
    weight: 3,
    draw: () => ({ what: deadlock.what, play: (harness) => deadlock.play(harness, 0) }),
  },
  {
    name: 'database-silent',
    where: 'database',
    weight: 1,
    draw(chance) {
      const forMs = duration(chance, 200, 1_500);
      return {
        what: `no data passes for ${forMs} ms, and the data sent meanwhile is lost`,
        play: (harness) => silentFor(harness, forMs),
      };
    },
  },
  {
    name: 'database-restart',
    where: 'database',
    weight: 3,
    isAlone: true,
    draw(chance) {
      const downMs = duration(chance, 0, 1_500);
      return {
        what: `the database is stopped at once, and started after ${downMs} ms`,
        async play(harness) {
          await harness.stopDatabase();
          await lasting(downMs);
          await harness.startDatabase();
        },
      };
    },
  },
];
