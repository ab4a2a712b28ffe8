import type { Receipt } from '../../src/contract/messages/receipts.js';
import type { BenchCommand } from '../workload.js';

/** What a subject is put through. */
export interface Load {
  /** @param prefix the commands' ids begin with it, as no others do @param seed the same commands for the same one */
  commands(count: number, prefix: string, seed: number): Iterable<BenchCommand>;
  /** Told of each answer, where later commands depend on it. */
  learn?(command: BenchCommand, receipt: Receipt): void;
}
