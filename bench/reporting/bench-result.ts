import type { DiskFigures } from '../measuring/disk.js';
import type { ReadFigures } from '../measuring/readers.js';
import type { Figures } from '../measuring/station.js';
import type { BenchOptions, WorkloadName } from '../options.js';
import type { PeerSeries } from '../subjects/peer.js';
import type { Machine } from './machine.js';

/** The results of one workload on one subject, by round. */
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
  /** Of Parley's throughput in W1. */
  share: number;
  perSecond: number;
  figures: Figures;
  /** Of the REST process; the part of PostgreSQL is in `figures`. */
  cpuMsPerRead: number;
}

export interface BenchResult {
  startedAt: string;
  finishedAt: string;
  commit: string;
  machine: Machine;
  options: Omit<BenchOptions, 'only' | 'reports' | 'profile' | 'ircFolder'> & { only: WorkloadName[] };
  lanes: Lane[];
  /** Null: not measured. */
  peer: PeerSeries | null;
  rates: RateSeries[];
  backlog: Figures[];
  readers: ReadersRound[];
  disk: DiskFigures | null;
  /** The output of `parley verify` for the store at the end; null: not run. */
  verified: { rows: number; faults: string[] } | null;
  /** Why the bench ended early; the results up to then are kept. Null: it was complete. */
  brokenOff: string | null;
}
