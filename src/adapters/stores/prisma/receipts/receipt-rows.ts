/**
 * A receipt as a row. The columns describe an accepted `message.send`, which nearly all receipts are about. `rest` has
 * the fields in which a receipt differs from that, so that every receipt is read as it was written.
 */
import type { ReceiptKey, ReceiptRecord, StoredReceipt } from '../../../../application/ports/store/command-store.js';
import { UUID_PATTERN } from '../../../../contract/messages/identifiers.js';
import type { Receipt } from '../../../../contract/messages/receipts.js';
import { hex } from '../columns.js';
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
    contentHash: hex(record.contentHash),
    chatId: uuidOrNull(receipt.chatId),
    messageId: uuidOrNull(receipt.messageId),
    decisionId: uuidOrNull(receipt.decisionId),
    sequence: Number.isSafeInteger(receipt.sequence) ? receipt.sequence : null,
    at: record.at.getTime(),
    rest: '',
  };
  const usual = usualReceipt(record, row);
  const rest = Object.entries(receipt).filter(([field, value]) => usual[field as keyof Receipt] !== value);
  return rest.length === 0 ? row : { ...row, rest: JSON.stringify(Object.fromEntries(rest)) };
}

/** @param key the key by which the row was found */
export function toStoredReceipt(key: ReceiptKey, row: ReceiptRow): StoredReceipt {
  const usual = usualReceipt(key, row);
  return {
    contentHash: new Uint8Array(Buffer.from(row.contentHash.replaceAll('-', ''), 'hex')),
    receipt: row.rest === '' ? usual : { ...usual, ...(JSON.parse(row.rest) as Partial<Receipt>) },
  };
}

/** The receipt of an accepted `message.send` with these columns. Its fields are in the order of `acceptedReceipt`. */
function usualReceipt(
  { commandId, tenantId }: ReceiptKey,
  { chatId, messageId, decisionId, sequence, at }: ReceiptRow,
): Receipt {
  return {
    commandId,
    type: 'message.send',
    status: 'accepted',
    tenantId,
    chatId,
    messageId,
    sequence,
    at: new Date(at).toISOString(),
    decisionId,
    replayed: false,
  };
}

/** PostgreSQL returns a UUID in canonical form, so one in another form is not stored as such. */
function uuidOrNull(id: string | null): string | null {
  return id !== null && UUID_PATTERN.test(id) ? id : null;
}
