import type { Row } from '../faults/table.js';
import type { FleetHarness, FleetHarnessOptions } from '../fleet-harness.js';

/** One fault, injected into a fleet under load. Afterwards the load continues. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  /** The row of the fault table. Several scenarios can belong to one row. */
  readonly row: Row;
  /** The fault in a few words, for the report. */
  readonly what: string;
  /** The harness that it needs. Without one, it can run after other scenarios on the same harness. */
  readonly harness?: FleetHarnessOptions;
  /** Why it cannot run on this machine. Undefined if it can. */
  skipReason?(): string | undefined;
  /** Injects the fault once. Returns when the fault is over and messages are accepted again. */
  play(harness: FleetHarness, round: number): Promise<void>;
}
