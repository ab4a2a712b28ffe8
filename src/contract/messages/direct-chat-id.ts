import { v5 } from 'uuid';

/** The UUID namespace of direct chat ids (CONTRACT, section 1.2). */
export const DIRECT_CHAT_NAMESPACE = '25d63a2e-2e58-59e1-b206-937dc2ec3bd7';

/**
 * The id of a direct chat: UUIDv5 (RFC 9562, section 5.5) of the JSON text `["<tenant>","<a>","<b>"]`, with the two
 * user ids in code-unit order. Both ids are equal for a chat with oneself. Both users compute the same id, so the chat
 * needs no look-up and no lock.
 */
export function directChatId(tenantId: string, one: string, other: string): string {
  const [a, b] = one <= other ? [one, other] : [other, one];
  return v5(JSON.stringify([tenantId, a, b]), DIRECT_CHAT_NAMESPACE);
}

const VERSION_AT = 14;

/** Whether the id can be that of a direct chat: a UUID of version 5. */
export function isComputedId(chatId: string): boolean {
  return chatId[VERSION_AT] === '5';
}
