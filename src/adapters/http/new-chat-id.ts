import { v5 } from 'uuid';
import type { Caller } from '../../application/ports/chat-queries.js';
import { directChatId } from '../../contract/direct-id.js';
import { USER_ID_PATTERN } from '../../contract/identifiers.js';

const VERSION_AT = 14;

/** The namespace of chat ids that are made from a command's id. */
const NEW_CHAT_NAMESPACE = '8f1f5f0e-5d43-4b0f-9a1c-6a2f4f0c7f1e';

/**
 * The id of a chat that is created without one. A direct chat's is computed. The others' are made from the command's id
 * whoever drew that, as UUIDs of version 8 (RFC 9562, section 5.8), version 5 being for direct chats: a repeat under it must be the same command, or it would be a conflict.
 */
export function newChatId(
  { caller: { tenantId, userId }, commandId }: { caller: Caller; commandId: string },
  { kind, memberIds }: { kind?: unknown; memberIds?: unknown },
): string {
  if (kind === 'direct' && Array.isArray(memberIds)) {
    const [other] = memberIds as unknown[];
    if (typeof other === 'string' && USER_ID_PATTERN.test(other)) return directChatId(tenantId, userId, other);
  }
  const id = v5(JSON.stringify([tenantId, userId, commandId]), NEW_CHAT_NAMESPACE);
  return `${id.slice(0, VERSION_AT)}8${id.slice(VERSION_AT + 1)}`;
}
