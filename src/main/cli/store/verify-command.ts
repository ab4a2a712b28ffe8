import {
  AUDIT_STATEMENT_TIMEOUT_MS,
  PrismaStoreAudit,
} from '../../../adapters/stores/prisma/audit/prisma-store-audit.js';
import { type VerifyOutcome, verifyStore } from '../../../application/operations/verify-store.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { type LineProgress, showLineProgress } from '../line-progress.js';
import { counted } from '../printable.js';
import { withArchiveDatabase } from './archive-database.js';

export interface VerifyRequest {
  chat?: string;
  json?: boolean;
}

/** `parley verify`: prints the violated invariants of the store. Exit code 1 if there are any. */
export async function runVerify({ chat, json = false }: VerifyRequest): Promise<void> {
  await withArchiveDatabase(
    async (database) => {
      let progress: LineProgress | null = null;
      const result = await verifyStore(new PrismaStoreAudit(database), chat ?? null, {
        onStart(rows) {
          progress = showLineProgress('verified', rows, 'rows');
        },
        onRows: (rows) => progress?.advance(rows),
      }).finally(() => progress?.stop());
      if (result.outcome === 'no-such-chat') throw new StartupError([`there is no chat ${chat}`]);
      const { rows, total, counts, faults } = result;
      if (json) console.log(JSON.stringify({ ok: total === 0, rows, counts, faults }, null, 2));
      else print(result);
      if (total > 0) process.exitCode = 1;
    },
    { statementTimeoutMs: AUDIT_STATEMENT_TIMEOUT_MS },
  );
}

function print({ faults, total, counts }: Extract<VerifyOutcome, { outcome: 'verified' }>): void {
  for (const { kind, chatId, partition, detail } of faults)
    console.log(
      [kind, ...(chatId === null ? [] : [chatId]), ...(partition === null ? [] : [`p${partition}`])].join(' ') +
        `: ${detail}`,
    );
  if (total > faults.length) console.log(`${total - faults.length} more`);
  const kinds = Object.entries(counts).map(([kind, count]) => `${kind} ${count}`);
  console.log(total === 0 ? 'no faults' : `${counted(total, 'fault')}: ${kinds.join(', ')}`);
}
