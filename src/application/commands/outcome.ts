import type { CommandOf, CommandType } from '../../contract/commands.js';
import type { Chat, Member } from '../../domain/chat.js';
import type { MessageReference } from '../../domain/message.js';
import type { Refusal } from '../../domain/refusal.js';
import { DEFAULT_USER_KIND } from '../../domain/user.js';
import type { BatchState, Cause } from '../batch/batch-state.js';
import type { PolicyEnforcementPoint } from '../policy/enforcement.js';
import type { PolicyFacts } from '../policy/facts.js';

/** What a use case may ask and change. It is pure but for `newId`; the clock is the batch's. */
export interface CommandContext {
  state: BatchState;
  policy: PolicyEnforcementPoint;
  partition: number;
  producer: { userId: string | null; appId: string | null };
  cause: Cause;
  /** How long after it was sent a tenant's messages may be edited, in milliseconds; null: for ever. */
  editWindowMs(tenantId: string): number | null;
  newId(): string;
}

/**
 * What became of one command. `sequence` is null where nothing changed or no chat is concerned; a refusal is a value, and
 * `decisionId` is null where the policy was not asked.
 */
export type CommandOutcome =
  | { status: 'accepted'; sequence: number | null; messageId: string | null; decisionId: string }
  | { status: 'refused'; refusal: Refusal; decisionId: string | null };

export type UseCase<T extends CommandType> = (command: CommandOf<T>, context: CommandContext) => CommandOutcome;

export function refused(refusal: Refusal, decisionId: string | null = null): CommandOutcome {
  return { status: 'refused', refusal, decisionId };
}

export function accepted(decisionId: string, sequence: number | null, messageId: string | null = null): CommandOutcome {
  return { status: 'accepted', sequence, messageId, decisionId };
}

/** The facts about actor and producer that every decision starts from; a use case adds what its action is about. */
export function factsAbout(
  action: PolicyFacts['action'],
  command: { tenantId: string; actorId: string },
  { state, producer }: CommandContext,
): PolicyFacts {
  const { tenantId, actorId } = command;
  return {
    action,
    actor: { tenantId, userId: actorId, kind: state.user(tenantId, actorId)?.kind ?? DEFAULT_USER_KIND },
    producer,
    chat: null,
    role: null,
    target: null,
    grantedRole: null,
    message: null,
    deleteMode: null,
    setsKind: false,
  };
}

/** … and about the chat and the actor's place in it. */
export function factsInChat(
  action: PolicyFacts['action'],
  command: { tenantId: string; actorId: string },
  context: CommandContext,
  { chat, actor }: { chat: Chat; actor: Member },
): PolicyFacts {
  const facts = factsAbout(action, command, context);
  facts.chat = { kind: chat.kind, archived: chat.archivedAt !== null };
  facts.role = actor.role;
  return facts;
}

/** What a decision needs to know of the message it is about. */
export function factsOfMessage(message: MessageReference, actorId: string): NonNullable<PolicyFacts['message']> {
  return { isSender: message.senderId === actorId, isDeleted: message.deletedAt !== null };
}
