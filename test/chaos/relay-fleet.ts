/** Relay processes beside the workers of a harness, writing JSON Lines, and a ledger of what they wrote. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readJsonLines } from '../../src/adapters/sinks/json-lines/read-json-lines.js';
import { eventually } from '../support/eventually.js';
import { startProcess, type TestProcess } from '../support/fleet/processes.js';
import { faultsOfLines } from '../support/relay-harness.js';
import { scratchFolder } from '../support/services/services.js';
import { type FleetHarness, WITHIN_MS } from './fleet-harness.js';

const PAUSING_WORKER = fileURLToPath(new URL('../support/fleet/pausing-worker.js', import.meta.url));

interface Cursor {
  partition: number;
  position: number;
  owner: string | null;
}

export class RelayFleet {
  private static readonly ofHarness = new WeakMap<FleetHarness, RelayFleet>();
  readonly folder = join(scratchFolder('relay'), 'lines');
  private readonly relays: TestProcess[] = [];

  private constructor(private readonly harness: FleetHarness) {}

  /** One per harness, because the cursors stay. */
  static of(harness: FleetHarness): RelayFleet {
    const present = RelayFleet.ofHarness.get(harness) ?? new RelayFleet(harness);
    RelayFleet.ofHarness.set(harness, present);
    return present;
  }

  /** Starts that many relays, runs `act` when they own the cursors, compares the ledger, and stops them. */
  async play(relays: number, act: () => Promise<void>): Promise<void> {
    try {
      for (let count = 0; count < relays; count += 1) await this.start();
      await this.owned(relays);
      await act();
      await this.check();
    } finally {
      await Promise.all(this.relays.splice(0).map((relay) => (relay.running ? relay.kill() : undefined)));
    }
  }

  get running(): TestProcess[] {
    return this.relays.filter(({ running }) => running);
  }

  async start(): Promise<TestProcess> {
    return this.add(await startProcess({ args: ['relay'], env: this.env }));
  }

  /** A relay that blocks at a failpoint after some deliveries. */
  async startPausing(step: string, deliveries: number): Promise<TestProcess> {
    const env = { ...this.env, PAUSE_ROLE: 'relay', PAUSE_AT: step, PAUSE_AFTER_BATCHES: String(deliveries) };
    return this.add(await startProcess({ script: PAUSING_WORKER, env }));
  }

  /** Waits until each cursor has an owner, and that many relays own cursors. */
  async owned(relays: number): Promise<void> {
    await eventually(
      async () => {
        const owners = (await this.cursors()).map(({ owner }) => owner);
        return owners.length > 0 && !owners.includes(null) && new Set(owners).size === relays;
      },
      { within: WITHIN_MS, what: `${relays} relays own the cursors` },
    );
  }

  /**
   * The ledger: each event that is in the log now is in the sink, in order, and nothing that the log does not have.
   * Events that come meanwhile are left to the next comparison.
   */
  async check(): Promise<void> {
    const ends = await this.harness.fleet.query<{ partition: number; end: number }>(
      'SELECT partition, position::float8 AS end FROM partitions ORDER BY partition',
    );
    await eventually(
      async () => {
        const cursors = new Map((await this.cursors()).map(({ partition, position }) => [partition, position]));
        return ends.every(({ partition, end }) => (cursors.get(partition) ?? -1) >= end);
      },
      { within: WITHIN_MS, what: 'the cursors come to the end of the log' },
    ).catch((error: Error) => {
      const logs = this.relays.map(
        ({ pid, stderr }) => `last log lines of relay ${pid}:\n${stderr.slice(-8).join('\n')}`,
      );
      throw new Error([error.message, ...logs].join('\n'));
    });
    const merged = await readJsonLines(this.folder);
    const faults: string[] = [];
    for (const { partition, end } of ends) {
      const logged = await this.harness.fleet.query<{ position: number }>(
        'SELECT position::float8 AS position FROM chat_events WHERE partition = $1 AND position <= $2 ORDER BY chat_events.position',
        [partition, end],
      );
      const lines = (merged.get(partition)?.lines ?? []).map(({ position }) => position);
      const upToEnd = lines.filter((position) => position <= end);
      for (const fault of faultsOfLines(
        logged.map(({ position }) => position),
        upToEnd,
      ))
        faults.push(`partition ${partition}: ${fault}`);
    }
    const parked = await this.harness.fleet.query('SELECT 1 FROM parked_events');
    if (parked.length > 0) faults.push(`${parked.length} events were parked`);
    if (faults.length > 0) throw new Error(`the relay's ledger is not closed: ${faults.join('; ')}`);
  }

  private cursors(): Promise<Cursor[]> {
    return this.harness.fleet.query<Cursor>(
      `SELECT partition, position::float8 AS position, CASE WHEN lease_until > now() THEN owner END AS owner
       FROM event_cursors e WHERE name = 'json-lines' AND partition >= 0 ORDER BY partition`,
    );
  }

  private get env(): Record<string, string> {
    return {
      ...this.harness.fleet.env,
      DATABASE_URL: this.harness.databaseWire.url,
      JSON_LINES_DIR: this.folder,
      JSON_LINES_FSYNC: 'never',
    };
  }

  private add(relay: TestProcess): TestProcess {
    this.relays.push(relay);
    return relay;
  }
}
