import type { Chance } from '../../property/simulation/virtual-time.js';
import type { FleetHarness } from '../fleet-harness.js';

/** What is harmed: two acts at a time never harm the same. */
export type Where = 'workers' | 'database' | 'broker' | 'dispatch' | 'producers';

/** One act of a schedule, all of its chances taken. */
export interface DrawnAct {
  /** With what was drawn, for whoever reads of it. */
  readonly what: string;
  /** Returns when the harm is over; that everything goes on is for the schedule to see. */
  play(harness: FleetHarness): Promise<void>;
}

/** A way to do harm of which much is left to chance. */
export interface Act {
  readonly name: string;
  readonly where: Where;
  /** How often it is drawn, against the others. */
  readonly weight: number;
  /** It takes a service away from everybody: nothing else is done meanwhile, and it needs a harness with services of its own. */
  readonly isAlone?: boolean;
  draw(chance: Chance): DrawnAct;
}

/** A whole number of milliseconds. */
export function duration(chance: Chance, fromMs: number, toMs: number): number {
  return fromMs + chance.below(toMs - fromMs + 1);
}
