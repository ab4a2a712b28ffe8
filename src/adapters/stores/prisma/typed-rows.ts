/**
 * Converts what the typed client returns to domain objects. The session is in UTC (`openDatabase`), so times are right.
 * 64-bit numbers are exact up to 2^53, as in `rows.ts`.
 */
import type { ReceiptKey, StoredReceipt } from '../../../application/ports/store/command-store.js';
import type { Member, Metadata, Role } from '../../../domain/chat.js';
import type { Claims, Presence, User, UserKind } from '../../../domain/user.js';
import type { Prisma } from './generated/client.js';
import { toStoredReceipt } from './receipts/receipt-rows.js';

export function fromUserModel({ nameKey: _, ...row }: Prisma.UserModel): User {
  return {
    ...row,
    kind: row.kind as UserKind,
    metadata: row.metadata as Metadata,
    presence: row.presence as Presence,
    claims: row.claims as Claims,
  };
}

export function fromMemberModel(row: Prisma.MemberModel): Member {
  return {
    ...row,
    role: row.role as Role,
    joinedSequence: Number(row.joinedSequence),
    roleSequence: Number(row.roleSequence),
    readSequence: Number(row.readSequence),
    readOrdinal: Number(row.readOrdinal),
    deliveredSequence: Number(row.deliveredSequence),
    readPosition: Number(row.readPosition),
    hiddenOrdinal: row.hiddenOrdinal === null ? null : Number(row.hiddenOrdinal),
  };
}

/** @param key the key by which the row was found */
export function fromReceiptModel(key: ReceiptKey, row: Prisma.ReceiptModel): StoredReceipt {
  const sequence = row.sequence === null ? null : Number(row.sequence);
  return toStoredReceipt(key, { ...row, sequence, at: row.at.getTime() });
}
