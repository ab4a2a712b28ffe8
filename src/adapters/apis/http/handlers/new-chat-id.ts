import { createHmac } from 'node:crypto';
import type { Caller } from '../../../../application/ports/chat-queries.js';
import { directChatId } from '../../../../contract/messages/direct-chat-id.js';
import { USER_ID_PATTERN } from '../../../../contract/messages/identifiers.js';

/** What the store's secret is used for here, so that nothing signed by it elsewhere is ever an id. */
const PURPOSE = 'new chat id';
const UUID_BYTES = 16;
const VERSION_BYTE = 6;
const VARIANT_BYTE = 8;

/**
 * The id of a chat that is created without one. A direct chat's is computed. The others' are made of the command's id,
 * because a repeat under
 * it must be the same command: as UUIDs of version 8 (RFC 9562, section 5.8), version 5 being for direct chats. They
 * depend on the store's
 * secret: who could compute them from a guessed `Idempotency-Key` could take them first.
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
