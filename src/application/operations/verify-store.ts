import type { StoreAudit, StoreFault } from '../ports/store/store-audit.js';

/** Maximum number of faults that are returned. Further faults are only counted. */
const FAULTS_RETURNED_MAX = 10_000;

export interface VerifyProgress {
  /** Approximate number of rows to check. */
  onStart(rows: number): void;
  /** So many more rows were checked. */
  onRows(rows: number): void;
}

export type VerifyOutcome =
  | { outcome: 'no-such-chat' }
  | {
      outcome: 'verified';
      rows: number;
      /** The number of all faults. */
      total: number;
      counts: Record<string, number>;
      /** The first faults. */
      faults: StoreFault[];
    };

/** Checks the store, or one chat, for violated invariants. Workers may run meanwhile. */
export async function verifyStore(
  audit: StoreAudit,
  chatId: string | null,
  { onStart, onRows }: VerifyProgress,
): Promise<VerifyOutcome> {
  if (chatId !== null && !(await audit.hasChat(chatId))) return { outcome: 'no-such-chat' };
  onStart(await audit.size(chatId));
  const counts: Record<string, number> = {};
  const faults: StoreFault[] = [];
  let [rows, total] = [0, 0];
  for await (const piece of audit.pieces(chatId)) {
    rows += piece.rows;
    onRows(piece.rows);
    for (const fault of piece.faults) {
      total += 1;
      counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
      if (faults.length < FAULTS_RETURNED_MAX) faults.push(fault);
    }
  }
  return { outcome: 'verified', rows, total, counts, faults };
}
