import { DEFAULT_USER_KIND } from '../../../domain/user.js';
import type { ChatQueries } from '../../ports/chat-queries.js';
import type { Action, KnownAttributes, PolicyDecisionPoint } from '../../ports/policy-decision-point.js';
import { chosenClaims } from './gather.js';

export interface Question {
  tenantId: string;
  actorId: string;
  action: Action;
  /** Null where the action is about none that is there. */
  chatId: string | null;
}

/**
 * As much as the store says of who asks and where; what only the request itself would say is unknown. Null: there is no such chat, or nobody is
 * in it. Rejects with a `StoreError`.
 */
export async function attributesNow(
  queries: Pick<ChatQueries, 'findChat' | 'findUser' | 'listMembers'>,
  { claims, tokenClaims }: Pick<PolicyDecisionPoint, 'claims' | 'tokenClaims'>,
  { tenantId, actorId: userId, action, chatId }: Question,
): Promise<KnownAttributes | null> {
  const user = await queries.findUser({ tenantId, userId });
  const actor = {
    tenantId,
    userId,
    kind: user?.kind ?? DEFAULT_USER_KIND,
    claims: chosenClaims(user?.claims, claims),
    token: Object.fromEntries(tokenClaims.map((name) => [name, undefined])),
  };
  if (chatId === null) return { action, actor, ...(action === 'chat.create' ? { chat: { archived: false } } : {}) };
  const own = await queries.findChat({ tenantId, userId }, chatId);
  const view = own ?? (await seenByAnyMember(queries, tenantId, chatId));
  if (view === null) return null;
  const { kind, archivedAt } = view.chat;
  return { action, actor, chat: { kind, archived: archivedAt !== null }, role: own?.membership.role ?? null };
}

/** A chat that the actor is not in is seen by those who are. */
async function seenByAnyMember(
  queries: Pick<ChatQueries, 'findChat' | 'listMembers'>,
  tenantId: string,
  chatId: string,
) {
  const [member] = await queries.listMembers(chatId, null, 1);
  return member === undefined ? null : queries.findChat({ tenantId, userId: member.userId }, chatId);
}
