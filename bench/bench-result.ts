import type { DiskFigures } from './disk.js';
import type { Machine } from './machine.js';
import type { BenchOptions, WorkloadName } from './options.js';
import type { PeerSeries } from './peer.js';
import type { ReadFigures } from './readers.js';
import type { Figures } from './station.js';

/** One workload on one subject, round by round. */
export interface Lane {
  workload: WorkloadName;
  /** `Parley`, `ceiling`, … */
  subject: string;
  rounds: Figures[];
}

/** W1 at a steady rate. */
export interface RateSeries {
  label: string;
  /** `Parley`, or `ceiling`. */
  subject: string;
  rounds: { perSecond: number; figures: Figures }[];
}

export interface ReadersRound extends ReadFigures {
  perSecond: number;
  figures: Figures;
  /** Of the process that answers; PostgreSQL's part is in `figures`. */
  cpuMsPerRead: number;
}

export interface BenchResult {
  startedAt: string;
  finishedAt: string;
  commit: string;
  machine: Machine;
  options: Omit<BenchOptions, 'only' | 'reports' | 'profile' | 'ircFolder'> & { only: WorkloadName[] };
  lanes: Lane[];
  /** Null: none was measured. */
  peer: PeerSeries | null;
  rates: RateSeries[];
  backlog: Figures[];
  readers: ReadersRound[];
  disk: DiskFigures | null;
  /** What `parley verify` said of the store at the end; null: not asked. */
  verified: { rows: number; faults: string[] } | null;
  /** Why it did not come to its end; what had been measured by then is kept. Null: it did. */
  brokenOff: string | null;
}
