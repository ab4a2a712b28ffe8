/** Why the rules of a chat refuse a change: a closed set of values, never thrown. */
export type Refusal =
  /** No such chat or message, or the actor is not in the chat: the two must not be told apart. */
  | { code: 'not_found'; detail: string }
  /** Policy denies; `detail` names the rule. */
  | { code: 'not_permitted'; detail: string }
  | { code: 'muted'; detail: string }
  | { code: 'archived'; detail: string }
  | { code: 'conflict'; detail: string }
  /** `detail` names the limit and its number. */
  | { code: 'limit_reached'; detail: string }
  /** Over a quota; in so many seconds there may be room again. */
  | { code: 'rate_limited'; detail: string; retryAfterSeconds: number }
  /** The command does not apply to what it names. */
  | { code: 'invalid'; violations: { path: string; message: string }[] };

export const CHAT_NOT_FOUND: Refusal = { code: 'not_found', detail: 'no such chat, or the actor is not in it' };
/** Or it came before what the actor may see of the chat, or is deleted: nothing can be done to it. */
export const MESSAGE_NOT_FOUND: Refusal = { code: 'not_found', detail: 'no such message in this chat' };
export function stillMuted(until: Date): Refusal {
  return { code: 'muted', detail: `until ${until.toISOString()}` };
}

export const CHAT_ARCHIVED: Refusal = { code: 'archived', detail: 'the chat is archived' };
