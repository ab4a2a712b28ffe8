import type { Figures, Station } from '../measuring/station.js';
import type { BenchOptions } from '../options.js';
import type { Bodies } from '../population/bodies.js';
import type { Population } from '../population/population.js';
import type { BenchCommand } from '../quota/workload.js';
import type { BenchResult } from '../reporting/bench-result.js';
import type { ParleySubject } from '../subjects/parley.js';
import type { Peer } from '../subjects/peer.js';
import type { Load } from '../workloads/load.js';
import type { PrivateServices } from './private-services.js';

/** The services, subjects and options that all phases of the bench use. */
export interface Stage {
  options: BenchOptions;
  services: PrivateServices;
  population: Population;
  bodies: Bodies;
  parley: ParleySubject;
  /** The station of Parley, then those of the other subjects of W1. */
  stations: readonly Station[];
  peer: Peer | null;
  steady: Load;
  result: Pick<BenchResult, 'lanes' | 'peer' | 'rates' | 'backlog' | 'readers' | 'disk' | 'verified'>;
  stopping: AbortSignal;
}

export function parleyStation({ stations }: Stage): Station {
  const [station] = stations;
  if (station === undefined) throw new Error('there is no station');
  return station;
}

/** Counts the runs, so that each has its own command ids. */
let loadsSoFar = 0;

/** Runs a load on a station by one of the station's methods, and passes the answers to the load. */
export async function underLoad(
  station: Station,
  load: Load,
  { count, seed }: { count: number; seed: number },
  measure: (commands: Iterable<BenchCommand>, prefix: string) => Promise<Figures>,
): Promise<Figures> {
  loadsSoFar += 1;
  const prefix = `load${loadsSoFar}-`;
  station.driver.onAnswered = (command, receipt) => load.learn?.(command, receipt);
  try {
    return await measure(load.commands(count, prefix, seed), prefix);
  } finally {
    station.driver.onAnswered = () => undefined;
  }
}
