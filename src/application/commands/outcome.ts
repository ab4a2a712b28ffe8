import type { Chat, Member } from '../../domain/chat.js';
import type { Limits } from '../../domain/limits.js';
import type { Attachment, MessageReference } from '../../domain/message.js';
import type { Refusal } from '../../domain/refusal.js';
import { type Claims, DEFAULT_USER_KIND } from '../../domain/user.js';
import { chosenClaims, hasLinks } from '../policy/attributes/gather.js';
import { NO_ATTRIBUTES } from '../policy/attributes/no-attributes.js';
import type { Enforced } from '../policy/enforcement.js';
import type { Action, PolicyAttributes } from '../ports/policy-decision-point.js';
import type { BatchState, Cause } from '../snapshot/batch-state.js';

/** The policy for one command. Its decisions belong to this command and are logged with it. */
export interface CommandPolicy {
  enforce(attributes: PolicyAttributes): Enforced;
  permitsOutsiders(action: Action): boolean;
  /** The profile claims and token claims that rules name. */
  readonly claims: readonly string[];
  readonly tokenClaims: readonly string[];
}

/** What a command handler may read and change. It is pure except for `newId`. The time is that of the batch. */
export interface CommandContext {
  state: BatchState;
  policy: CommandPolicy;
  partition: number;
  producer: { userId: string | null; appId: string | null };
  cause: Cause;
  /** The claims of the token that authenticated the actor. Null if no token is required. */
  token: Claims | null;
  /** How long after sending a message can be edited, per tenant, in milliseconds. Null means no limit. */
  editWindowMs(tenantId: string): number | null;
  limits: Limits;
  newId(): string;
}

/**
 * The outcome of one command. `sequence` is null if nothing changed or no chat is involved. A refusal is a value.
 * `decisionId` is null if the policy was not asked.
 */
export type CommandOutcome =
  | { status: 'accepted'; sequence: number | null; messageId: string | null; decisionId: string | null }
  | { status: 'refused'; refusal: Refusal; decisionId: string | null };

export function refused(refusal: Refusal, decisionId: string | null = null): CommandOutcome {
  return { status: 'refused', refusal, decisionId };
}

export function accepted(
  decisionId: string | null,
  sequence: number | null,
  messageId: string | null = null,
): CommandOutcome {
  return { status: 'accepted', sequence, messageId, decisionId };
}

/**
 * A chat and the actor's membership. The membership is null for an actor who is not in the chat, which is possible only
 * if a rule may permit that.
 */
export interface FoundChat {
  chat: Chat;
  actor: Member | null;
}

/** The attributes about actor and producer that every decision has. A handler adds those of its action. */
export function attributesAbout(
  action: PolicyAttributes['action'],
  command: { tenantId: string; actorId: string },
  { state, producer, policy, token }: CommandContext,
): PolicyAttributes {
  const { tenantId, actorId } = command;
  const user = state.user(tenantId, actorId);
  return {
    action,
    actor: {
      tenantId,
      userId: actorId,
      kind: user?.kind ?? DEFAULT_USER_KIND,
      claims: chosenClaims(user?.claims, policy.claims),
      token: token === null ? null : chosenClaims(token, policy.tokenClaims),
    },
    ...NO_ATTRIBUTES,
    producer,
  };
}

/** Adds the attributes of the chat and the actor's role in it. */
export function attributesInChat(
  action: PolicyAttributes['action'],
  command: { tenantId: string; actorId: string },
  context: CommandContext,
  { chat, actor }: FoundChat,
): PolicyAttributes {
  const attributes = attributesAbout(action, command, context);
  attributes.chat = { kind: chat.kind, archived: chat.archivedAt !== null };
  attributes.role = actor?.role ?? null;
  return attributes;
}

/** The attributes of the message that the command is about. */
export function attributesOfMessage(
  message: MessageReference,
  { tenantId, actorId }: { tenantId: string; actorId: string },
  { state, editWindowMs }: CommandContext,
): NonNullable<PolicyAttributes['message']> {
  const ageMs = state.now.getTime() - message.createdAt.getTime();
  const windowMs = editWindowMs(tenantId);
  return {
    isSender: message.senderId === actorId,
    isDeleted: message.deletedAt !== null,
    ageMs,
    withinEditWindow: windowMs === null || ageMs <= windowMs,
  };
}

/** The attributes of the text, never the text itself. */
export function attributesOfText(
  body: string,
  mentions: readonly string[] = [],
  attachments: readonly Attachment[] = [],
): NonNullable<PolicyAttributes['text']> {
  return {
    length: body.length,
    hasLinks: hasLinks(body),
    mentions: mentions.length,
    attachments: attachments.length,
  };
}
