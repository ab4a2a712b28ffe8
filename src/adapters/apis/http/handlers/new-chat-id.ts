import { createHmac } from 'node:crypto';
import type { Caller } from '../../../../application/ports/queries/chat-queries.js';
import { directChatId } from '../../../../contract/messages/direct-chat-id.js';
import { USER_ID_PATTERN } from '../../../../contract/messages/identifiers.js';

/** Separates this use of the store's secret from its other uses. */
const PURPOSE = 'new chat id';
const UUID_BYTES = 16;
const VERSION_BYTE = 6;
const VARIANT_BYTE = 8;

/**
 * The id of a chat that is created without an id. For a direct chat it is the computed id. Otherwise it is derived from
 * the command id, so that a repeated request is the same command: a UUID of version 8 (RFC 9562, section 5.8), because
 * version 5 is reserved for direct chats. It depends on the store's secret. Otherwise an attacker who guesses an
 * `Idempotency-Key` could create a chat with that id first.
 */
export function newChatId(
  secret: string | Uint8Array,
  { caller: { tenantId, userId }, commandId }: { caller: Caller; commandId: string },
  { kind, memberIds }: { kind?: unknown; memberIds?: unknown },
): string {
  if (kind === 'direct' && Array.isArray(memberIds)) {
    const [other] = memberIds as unknown[];
    if (typeof other === 'string' && USER_ID_PATTERN.test(other)) return directChatId(tenantId, userId, other);
  }
  const text = JSON.stringify([PURPOSE, tenantId, userId, commandId]);
  const bytes = createHmac('sha256', secret).update(text).digest().subarray(0, UUID_BYTES);
  bytes.writeUInt8((bytes.readUInt8(VERSION_BYTE) & 0x0f) | 0x80, VERSION_BYTE);
  bytes.writeUInt8((bytes.readUInt8(VARIANT_BYTE) & 0x3f) | 0x80, VARIANT_BYTE);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
