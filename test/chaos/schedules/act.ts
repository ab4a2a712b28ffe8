import type { Chance } from '../../property/simulation/virtual-time.js';
import type { FleetHarness } from '../fleet-harness.js';

/** The target of a fault: two faults at the same time never have the same target. */
export type Where = 'workers' | 'database' | 'broker' | 'dispatch' | 'producers';

/** One fault of a schedule, with its random parameters. */
export interface DrawnAct {
  /** The fault with its random parameters, for the report. */
  readonly what: string;
  /** Returns when the fault is over. The schedule checks that the fleet recovers. */
  play(harness: FleetHarness): Promise<void>;
}

/** A kind of fault with random parameters. */
export interface Act {
  readonly name: string;
  readonly where: Where;
  /** Relative frequency. */
  readonly weight: number;
  /** The fault stops a service: no other fault happens meanwhile, and the harness needs private services. */
  readonly isAlone?: boolean;
  draw(chance: Chance): DrawnAct;
}

/** A whole number of milliseconds. */
export function duration(chance: Chance, fromMs: number, toMs: number): number {
  return fromMs + chance.below(toMs - fromMs + 1);
}
