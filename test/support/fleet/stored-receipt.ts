import { storedReceiptKey } from '../../../src/adapters/stores/prisma/receipts/receipt-key.js';
import {
  RECEIPT_COLUMNS,
  type ReceiptRow,
  toStoredReceipt,
} from '../../../src/adapters/stores/prisma/receipts/receipt-rows.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import type { Fleet } from './fleet.js';

/** The stored receipt of a command. Undefined if there is none. */
export async function storedReceipt(
  fleet: Pick<Fleet, 'query'>,
  actorId: string,
  commandId: string,
): Promise<Receipt | undefined> {
  const key = { tenantId: 'default', actorId, commandId };
  const [row] = await fleet.query<ReceiptRow>(`SELECT ${RECEIPT_COLUMNS.sql} FROM receipts r WHERE r.key = $1`, [
    storedReceiptKey(key),
  ]);
  return row && toStoredReceipt(key, row).receipt;
}
