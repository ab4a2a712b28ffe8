import { readFileSync } from 'node:fs';

const SAMPLE_INTERVAL_MS = 100;
const KIB_PER_MIB = 1024;

/** Samples the resident memory of processes (Linux only). */
export class MemoryWatch {
  readonly samplesMib: number[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly pids: readonly number[]) {
    this.sample();
    this.timer = setInterval(() => this.sample(), SAMPLE_INTERVAL_MS);
  }

  /** Of the largest of them, so far. */
  get peakMib(): number {
    return Math.max(...this.samplesMib);
  }

  /** @returns the peak of the largest of them, in MiB */
  stop(): number {
    clearInterval(this.timer);
    return this.peakMib;
  }

  private sample(): void {
    const kib = this.pids.map((pid) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
    });
    this.samplesMib.push(Math.max(...kib) / KIB_PER_MIB);
  }
}
