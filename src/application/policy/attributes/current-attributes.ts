import { DEFAULT_USER_KIND } from '../../../domain/user.js';
import type { Action, KnownAttributes, PolicyDecisionPoint } from '../../ports/policy-decision-point.js';
import type { ChatQueries } from '../../ports/queries/chat-queries.js';
import { chosenClaims } from './gather.js';

export interface Question {
  tenantId: string;
  actorId: string;
  action: Action;
  /** Null if the action is not about an existing chat. */
  chatId: string | null;
}

/**
 * The attributes that the store knows of the actor and the chat. Attributes of the request itself are unknown. Null if
 * the chat does not exist or has no members. Rejects with a `StoreError`.
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

/** A chat that the actor is not in is read as one of its members sees it. */
async function seenByAnyMember(
  queries: Pick<ChatQueries, 'findChat' | 'listMembers'>,
  tenantId: string,
  chatId: string,
) {
  const [member] = await queries.listMembers(chatId, null, 1);
  return member === undefined ? null : queries.findChat({ tenantId, userId: member.userId }, chatId);
}
