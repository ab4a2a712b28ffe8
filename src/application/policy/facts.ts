/**
 * Everything a rule can know (the policy information point's output), in one place. A fact that is missing is null, and
 * null satisfies no condition: missing facts mean no.
 */
import type { CommandType } from '../../contract/commands.js';
import type { ChatKind, Role } from '../../domain/chat.js';
import type { DeleteMode } from '../../domain/message.js';
import type { UserKind } from '../../domain/user.js';

/** Every command is an action of its own; reading a chat over REST is `chat.view`. */
export type Action = CommandType | 'chat.view';

export interface PolicyFacts {
  action: Action;
  actor: { tenantId: string; userId: string; kind: UserKind };
  /** The program that published the command; `userId` was checked by the broker. Null for queries. */
  producer: { userId: string | null; appId: string | null } | null;
  chat: { kind: ChatKind; archived: boolean } | null;
  /** The actor's role in the chat; null: not a member. */
  role: Role | null;
  /** `member.remove`, `member.update`: whom it is about. */
  target: { isActor: boolean; role: Role | null } | null;
  /** `member.add`, `member.update`: the role that is given, if one is. */
  grantedRole: Role | null;
  /** The message that is edited, deleted or reacted to. */
  message: { isSender: boolean; isDeleted: boolean } | null;
  /** `message.delete`: how. */
  deleteMode: DeleteMode | null;
  /** `user.upsert`: whether it says what kind of user this is. */
  setsKind: boolean;
}

export type Decision = { effect: 'permit'; rule: string } | { effect: 'deny'; rule: string };

/** Pure and synchronous. No rule that permits means no. */
export interface PolicyDecisionPoint {
  decide(facts: PolicyFacts): Decision;
}
