import {
  AUDIT_STATEMENT_TIMEOUT_MS,
  PrismaStoreAudit,
} from '../../../adapters/stores/prisma/audit/prisma-store-audit.js';
import type { StoreFault } from '../../../application/ports/store-audit.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { showLineProgress } from '../line-progress.js';
import { counted } from '../printable.js';
import { withArchiveDatabase } from './archive-database.js';

/** Faults that are told one by one; beyond, they are only counted. */
const FAULTS_TOLD_MAX = 10_000;

export interface VerifyRequest {
  chat?: string;
  json?: boolean;
}

/** `parley verify`: says what is wrong in the store. Exit status 1 if anything is. */
export async function runVerify({ chat, json = false }: VerifyRequest): Promise<void> {
  const chatId = chat ?? null;
  await withArchiveDatabase(
    async (database) => {
      const audit = new PrismaStoreAudit(database);
      if (chatId !== null && !(await audit.hasChat(chatId))) throw new StartupError([`there is no chat ${chatId}`]);
      const progress = showLineProgress('verified', await audit.size(chatId), 'rows');
      const counts: Record<string, number> = {};
      const told: StoreFault[] = [];
      let faults = 0;
      try {
        for await (const piece of audit.pieces(chatId)) {
          progress.advance(piece.rows);
          for (const fault of piece.faults) {
            faults += 1;
            counts[fault.kind] = (counts[fault.kind] ?? 0) + 1;
            if (told.length < FAULTS_TOLD_MAX) told.push(fault);
          }
        }
      } finally {
        progress.stop();
      }
      if (json) console.log(JSON.stringify({ ok: faults === 0, rows: progress.lines, counts, faults: told }, null, 2));
      else tell(told, faults, counts);
      if (faults > 0) process.exitCode = 1;
    },
    { statementTimeoutMs: AUDIT_STATEMENT_TIMEOUT_MS },
  );
}

function tell(told: readonly StoreFault[], faults: number, counts: Readonly<Record<string, number>>): void {
  for (const { kind, chatId, partition, detail } of told)
    console.log(
      [kind, ...(chatId === null ? [] : [chatId]), ...(partition === null ? [] : [`p${partition}`])].join(' ') +
        `: ${detail}`,
    );
  if (faults > told.length) console.log(`${faults - told.length} more`);
  const kinds = Object.entries(counts).map(([kind, count]) => `${kind} ${count}`);
  console.log(faults === 0 ? 'no faults' : `${counted(faults, 'fault')}: ${kinds.join(', ')}`);
}
