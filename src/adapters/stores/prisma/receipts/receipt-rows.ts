/**
 * A receipt as a row. The columns describe an accepted `message.send`, which nearly all receipts are about. `rest` has
 * the fields in which a receipt differs from that, so that every receipt is read as it was written.
 */
import type { ReceiptKey, ReceiptRecord, StoredReceipt } from '../../../../application/ports/store/command-store.js';
import { UUID_PATTERN } from '../../../../contract/messages/identifiers.js';
import type { Receipt } from '../../../../contract/messages/receipts.js';
import { time } from '../columns.js';
import { Prisma } from '../generated/client.js';
import { milliseconds } from '../rows.js';

export interface ReceiptRow {
  /** 32 hexadecimal digits, possibly with hyphens. */
  contentHash: string;
  chatId: string | null;
  messageId: string | null;
  decisionId: string | null;
  sequence: number | null;
  /** In milliseconds since 1970. */
  at: number;
  /** JSON; empty if there is nothing more. */
  rest: string;
}

/** Columns of `receipts r`. */
export const RECEIPT_COLUMNS =
  Prisma.raw(`r.content_hash::text AS "contentHash", r.chat_id::text AS "chatId", r.message_id::text AS "messageId",
  r.decision_id::text AS "decisionId", r.sequence::float8 AS sequence, ${milliseconds('r.at', 'at')}, r.rest`);

export function toReceiptRow(record: ReceiptRecord): ReceiptRow {
  const { receipt } = record;
  const row: ReceiptRow = {
    contentHash: record.contentHash,
    chatId: receipt.chatId,
    messageId: receipt.messageId,
    // The contract allows any text here. PostgreSQL would return a UUID of another form in canonical form.
    decisionId: receipt.decisionId !== null && UUID_PATTERN.test(receipt.decisionId) ? receipt.decisionId : null,
    sequence: Number.isSafeInteger(receipt.sequence) ? receipt.sequence : null,
    at: record.at.getTime(),
    rest: '',
  };
  const usual = usualReceipt(record, row, time(record.at));
  let rest: { [field in keyof Receipt]?: unknown } | undefined;
  // No list of entries: this runs for every command.
  for (const name in receipt) {
    const field = name as keyof Receipt;
    if (receipt[field] !== usual[field]) rest = { ...rest, [field]: receipt[field] };
  }
  if (rest !== undefined) row.rest = JSON.stringify(rest);
  return row;
}

/** @param key the key by which the row was found */
export function toStoredReceipt(key: ReceiptKey, row: ReceiptRow): StoredReceipt {
  const usual = usualReceipt(key, row, new Date(row.at).toISOString());
  return {
    contentHash: row.contentHash.replaceAll('-', ''),
    receipt: row.rest === '' ? usual : { ...usual, ...(JSON.parse(row.rest) as Partial<Receipt>) },
  };
}

/** The receipt of an accepted `message.send` with these columns. Its fields are in the order of `acceptedReceipt`. */
function usualReceipt(
  { commandId, tenantId }: ReceiptKey,
  { chatId, messageId, decisionId, sequence }: ReceiptRow,
  at: string,
): Receipt {
  return {
    commandId,
    type: 'message.send',
    status: 'accepted',
    tenantId,
    chatId,
    messageId,
    sequence,
    at,
    decisionId,
    replayed: false,
  };
}
