import { v5, v7 } from 'uuid';
import type { Caller } from '../../application/ports/chat-queries.js';
import { directChatId } from '../../contract/direct-id.js';
import { USER_ID_PATTERN } from '../../contract/identifiers.js';

/** The namespace of chat ids that are drawn from an `Idempotency-Key`. */
const KEYED_CHAT_NAMESPACE = '8f1f5f0e-5d43-4b0f-9a1c-6a2f4f0c7f1e';

/**
 * The id of a chat that is created without one. A direct chat's is computed. For the others it is drawn (UUIDv7), but from the caller's
 * own key where there is one (UUIDv5): a repeat under that key must be the same command, or it would be a conflict.
 */
export function newChatId(
  { tenantId, userId }: Caller,
  { kind, memberIds }: { kind?: unknown; memberIds?: unknown },
  key: { commandId: string; isOwnId: boolean },
): string {
  if (kind === 'direct' && Array.isArray(memberIds)) {
    const [other] = memberIds as unknown[];
    if (typeof other === 'string' && USER_ID_PATTERN.test(other)) return directChatId(tenantId, userId, other);
  }
  return key.isOwnId ? v5(JSON.stringify([tenantId, userId, key.commandId]), KEYED_CHAT_NAMESPACE) : v7();
}
