/** Why the rules of a chat refuse a change. A closed set of values that are never thrown. */
export type Refusal =
  /** There is no such chat or message, or the actor is not in the chat. The cases must look the same. */
  | { code: 'not_found'; detail: string }
  /** The policy denies; `detail` names the rule. */
  | { code: 'not_permitted'; detail: string }
  | { code: 'muted'; detail: string }
  | { code: 'archived'; detail: string }
  | { code: 'conflict'; detail: string }
  /** `detail` names the limit and its number. */
  | { code: 'limit_reached'; detail: string }
  /** A quota is exceeded. There may be room again after this many seconds. */
  | { code: 'rate_limited'; detail: string; retryAfterSeconds: number }
  /** The command does not apply to its target. */
  | { code: 'invalid'; violations: { path: string; message: string }[] };

export const CHAT_NOT_FOUND: Refusal = { code: 'not_found', detail: 'no such chat, or the actor is not in it' };
/** Also for a message from before what the actor may see, and for a deleted message. */
export const MESSAGE_NOT_FOUND: Refusal = { code: 'not_found', detail: 'no such message in this chat' };
export function stillMuted(until: Date): Refusal {
  return { code: 'muted', detail: `until ${until.toISOString()}` };
}

export const CHAT_ARCHIVED: Refusal = { code: 'archived', detail: 'the chat is archived' };
