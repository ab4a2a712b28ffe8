import type { Receipt } from '../../src/contract/messages/receipts.js';
import type { BenchCommand } from '../quota/workload.js';

/** The commands of one run. */
export interface Load {
  /**
   * @param prefix unique prefix of the command ids
   * @param seed the same commands for the same seed
   */
  commands(count: number, prefix: string, seed: number): Iterable<BenchCommand>;
  /** Called for each answer, if later commands depend on it. */
  learn?(command: BenchCommand, receipt: Receipt): void;
}
