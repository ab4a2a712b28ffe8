import type { Chat, Member } from '../../domain/chat.js';
import type { Limits } from '../../domain/limits.js';
import type { Attachment, MessageReference } from '../../domain/message.js';
import type { Refusal } from '../../domain/refusal.js';
import { type Claims, DEFAULT_USER_KIND } from '../../domain/user.js';
import { chosenClaims, hasLinks } from '../policy/attributes/gather.js';
import type { Enforced } from '../policy/enforcement.js';
import type { Action, PolicyAttributes } from '../ports/policy-decision-point.js';
import type { BatchState, Cause } from '../snapshot/batch-state.js';

/** The policy as one command may ask it: what it decides is this command's, and is logged with it. */
export interface CommandPolicy {
  enforce(attributes: PolicyAttributes): Enforced;
  permitsOutsiders(action: Action): boolean;
  /** The claims, and what of a token, that rules name. */
  readonly claims: readonly string[];
  readonly tokenClaims: readonly string[];
}

/** What a use case may ask and change. It is pure but for `newId`; the clock is the batch's. */
export interface CommandContext {
  state: BatchState;
  policy: CommandPolicy;
  partition: number;
  producer: { userId: string | null; appId: string | null };
  cause: Cause;
  /** What the token says that came with the command and proved its actor; null: none was asked for. */
  token: Claims | null;
  /** How long after it was sent a tenant's messages may be edited, in milliseconds; null: for ever. */
  editWindowMs(tenantId: string): number | null;
  limits: Limits;
  newId(): string;
}

/**
 * What became of one command. `sequence` is null where nothing changed or no chat is concerned; a refusal is a value, and
 * `decisionId` is null where the policy was not asked.
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

/** A chat and the actor's membership; null: not in it, which only a policy that lets such actors act asks for. */
export interface FoundChat {
  chat: Chat;
  actor: Member | null;
}

/** The attributes about actor and producer that every decision starts from; a use case adds what its action is about. */
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
    producer,
    chat: null,
    role: null,
    target: null,
    grantedRole: null,
    message: null,
    text: null,
    deleteMode: null,
    profile: null,
    decision: null,
  };
}

/** … and about the chat and the actor's place in it. */
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

/** What a decision needs to know of the message it is about. */
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

/** … and of what is to be said; never the text itself. */
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
