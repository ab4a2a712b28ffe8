/** Faults of relays, of their sink and of their database connections. */
import { rename, rm, writeFile } from 'node:fs/promises';
import type { RelayStep } from '../../../src/application/runtime/failpoints.js';
import { eventually } from '../../support/eventually.js';
import type { Row } from '../faults/table.js';
import { WITHIN_MS } from '../fleet-harness.js';
import { RelayFleet } from '../relay-fleet.js';
import type { Scenario } from './scenario.js';

const ROW: Row = 'relay killed or frozen, its sink or database unavailable';
const STEPS: readonly RelayStep[] = ['relay-read', 'relay-delivered', 'relay-moved'];
/** The victim delivers that often before it is stopped. */
const DELIVERIES_MAX = 4;
const TIMES = 4;
const COMMANDS = 60;

const atStep = (step: RelayStep): Scenario => ({
  name: `kill-${step}`,
  row: ROW,
  what: `a relay killed at "${step}", in one of its first deliveries`,
  play(harness, round) {
    const relays = RelayFleet.of(harness);
    return relays.play(1, async () => {
      const victim = await relays.startPausing(step, 1 + (round % DELIVERIES_MAX));
      await victim.line(/^paused at/, WITHIN_MS);
      await victim.kill();
      await relays.owned(1);
    });
  },
});

const relayKilled: Scenario = {
  name: 'relay-killed',
  row: ROW,
  what: `one of two relays is killed at a random time under load and replaced, ${TIMES} times`,
  play(harness) {
    const relays = RelayFleet.of(harness);
    return relays.play(2, async () => {
      for (let time = 0; time < TIMES; time += 1) {
        await harness.sends(COMMANDS);
        await relays.running[0]?.kill();
        await relays.start();
        await relays.owned(2);
      }
    });
  },
};

const relayFrozen: Scenario = {
  name: 'relay-frozen',
  row: ROW,
  what: 'one of two relays is frozen with SIGSTOP until the other one owns its cursors, then resumed',
  play(harness) {
    const relays = RelayFleet.of(harness);
    return relays.play(2, async () => {
      await harness.sends(COMMANDS);
      const [frozen] = relays.running;
      frozen?.pause();
      try {
        await relays.owned(1);
        await harness.sends(COMMANDS);
      } finally {
        frozen?.resume();
      }
      await relays.owned(2);
    });
  },
};

const relaySinkAway: Scenario = {
  name: 'relay-sink-away',
  row: ROW,
  what: 'the folder of the sink is replaced by a file while the load continues',
  play(harness) {
    const relays = RelayFleet.of(harness);
    const away = `${relays.folder}.away`;
    return relays.play(1, async () => {
      const [relay] = relays.running;
      await relay?.ready();
      // The first delivery creates the folder.
      await relays.check();
      await rename(relays.folder, away);
      await writeFile(relays.folder, '');
      try {
        await harness.sends(COMMANDS);
        await eventually(
          async () => {
            const response = await fetch(`${relay?.opsUrl}/readyz`);
            return response.status === 503 && /json-lines in partition/.test(await response.text());
          },
          { within: WITHIN_MS, what: 'the relay reports that its sink is unavailable' },
        );
      } finally {
        await rm(relays.folder);
        await rename(away, relays.folder);
      }
      await relay?.ready();
    });
  },
};

const relayDatabaseCut: Scenario = {
  name: 'relay-database-cut',
  row: ROW,
  what: 'the server terminates all database connections, repeatedly',
  play(harness) {
    const relays = RelayFleet.of(harness);
    return relays.play(2, async () => {
      for (let time = 0; time < TIMES; time += 1) {
        await harness.fleet.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name = 'parley'`,
        );
        await harness.sends(COMMANDS);
      }
      await harness.flows();
      await relays.owned(2);
    });
  },
};

/** Two faults in one take-over: the short form of this row of the table. */
export const relayKilledAndFrozen: Scenario = {
  name: 'relay-killed-and-frozen',
  row: ROW,
  what: 'one relay is killed between delivery and cursor, another one is frozen beyond its lease, a third one takes over',
  play(harness) {
    const relays = RelayFleet.of(harness);
    return relays.play(2, async () => {
      const [frozen] = relays.running;
      const victim = await relays.startPausing('relay-delivered', 1);
      await victim.line(/^paused at/, WITHIN_MS);
      frozen?.pause();
      await victim.kill();
      try {
        await relays.owned(1);
        await harness.sends(COMMANDS);
      } finally {
        frozen?.resume();
      }
      await relays.owned(2);
    });
  },
};

export const relay: Scenario[] = [
  ...STEPS.map(atStep),
  ...[relayKilled, relayFrozen, relayKilledAndFrozen, relaySinkAway, relayDatabaseCut],
];
