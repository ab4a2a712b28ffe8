import { createHash } from 'node:crypto';
import { v5 } from 'uuid';
import { UUID_PATTERN } from '../messages/identifiers.js';

/** The UUID namespace of conversations whose ids are no UUIDs. */
const CONVERSATION_NAMESPACE = '5d0f6c0e-7a53-5c7e-9a2e-4b1f0a4f6f0d';

/** The chat of a RealChat conversation: its id if it is a UUID, else UUIDv5 of the JSON text `["<tenant>","<id>"]`. */
export function chatOfConversation(tenantId: string, conversationId: string): string {
  const lower = conversationId.toLowerCase();
  return UUID_PATTERN.test(lower) ? lower : v5(JSON.stringify([tenantId, conversationId]), CONVERSATION_NAMESPACE);
}

/** The command id of a send with this idempotency key: unique per user, conversation and key. */
export function commandOfKey(conversationId: string, key: string): string {
  return `realchat-${createHash('sha256')
    .update(JSON.stringify([conversationId, key]))
    .digest('hex')}`;
}
