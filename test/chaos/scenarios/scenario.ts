import type { Row } from '../faults/table.js';
import type { FleetHarness, StageOptions } from '../fleet-harness.js';

/** One way to do harm, on a harness with a load, which goes on afterwards as if nothing had been. */
export interface Scenario {
  /** For `--only`. */
  readonly name: string;
  /** The kind of fault: several scenarios can belong to one. */
  readonly row: Row;
  /** What is done, in a few words. */
  readonly what: string;
  /** What it needs; where that is nothing, it can follow others on their harness. */
  readonly harness?: StageOptions;
  /** Why it cannot be played here, where that is so. */
  unplayable?(): string | undefined;
  /** One schedule. Returns when the fault is over and messages are accepted again. */
  play(harness: FleetHarness, round: number): Promise<void>;
}
