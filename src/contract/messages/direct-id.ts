import { v5 } from 'uuid';

/** The namespace in which direct chats' ids are computed (CONTRACT, section 1.2). */
export const DIRECT_CHAT_NAMESPACE = '25d63a2e-2e58-59e1-b206-937dc2ec3bd7';

/**
 * A direct chat's id: UUIDv5 (RFC 9562, section 5.5) of the JSON text `["<tenant>","<a>","<b>"]`, the two user ids in
 * code-unit order; equal for notes to oneself. Both sides compute the same id, so the chat needs no look-up and no lock.
 */
export function directChatId(tenantId: string, one: string, other: string): string {
  const [a, b] = one <= other ? [one, other] : [other, one];
  return v5(JSON.stringify([tenantId, a, b]), DIRECT_CHAT_NAMESPACE);
}

const VERSION_AT = 14;

/** Whether an id can be a direct chat's: a UUID of version 5. */
export function isComputedId(chatId: string): boolean {
  return chatId[VERSION_AT] === '5';
}
