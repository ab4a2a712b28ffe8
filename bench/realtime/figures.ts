/** What a phase of the bench measures. */
import { readFileSync } from 'node:fs';
import { eventually } from '../../test/support/eventually.js';
import type { TestProcess } from '../../test/support/fleet/processes.js';
import type { Machine } from '../reporting/machine.js';
import type { Point } from '../reporting/plot.js';
import { type Stand, wsUrl } from './stand.js';
import { Swarm, type SwarmOptions } from './swarm.js';

const CONNECTED_WITHIN_MS = 150_000;
const KB_PER_MB = 1_024;

export interface Sizes {
  idle: number;
  members: number;
  messages: number;
  rounds: number;
  rate: number;
  seconds: number;
  rolling: number;
}

/** One line of the report. `isMet` is null without a goal. */
export interface Figure {
  name: string;
  value: string;
  goal: string;
  isMet: boolean | null;
}

export interface Plot {
  title: string;
  subtitle: string;
  y: string;
  points: Point[];
}

/** One phase of one run. */
export interface Measured {
  /** Described before the first connection. */
  machine: Machine;
  figures: Figure[];
  /** Further lines about it, in Markdown. */
  notes: string[];
  plots: Record<string, Plot>;
}

export const userOf = (client: number) => `u${client}`;

/** `VmRSS`: resident memory now. `VmHWM`: its highest since the start. In KB of 1,024 bytes. */
export function memoryKb(pid: number, which: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`^${which}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

export const peakMb = (pid: number) => Math.round(memoryKb(pid, 'VmHWM') / KB_PER_MB);

export async function connected(swarm: Swarm, count: number): Promise<void> {
  await eventually(() => swarm.live === count, { within: CONNECTED_WITHIN_MS, what: `${count} live clients` });
}

export function swarmAt(
  stand: Stand,
  gateway: (client: number) => TestProcess,
  count: number,
  more: Pick<SwarmOptions, 'onEvent' | 'hasLedger'> = {},
): Swarm {
  const swarm = new Swarm(
    {
      protocol: 'parley',
      address: (client) => wsUrl(gateway(client)),
      token: (client) => stand.token(userOf(client)),
      ...more,
    },
    count,
  );
  swarm.start();
  return swarm;
}
