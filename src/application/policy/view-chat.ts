/**
 * Checks before a client sees anything of a chat: the client must be a member, and the policy must permit it. Every
 * query about a chat, or about lists of chats, passes here.
 */
import { chatKind, role } from '../../contract/messages/commands.js';
import { type Chat, firstVisibleSequence, type Member } from '../../domain/chat.js';
import { CHAT_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import { DEFAULT_USER_KIND, type User } from '../../domain/user.js';
import type { ActorAttributes, PolicyAttributes, PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { Caller, ChatQueries, ChatTraits, ChatView, VisibleChats } from '../ports/queries/chat-queries.js';
import type { DecisionLog } from '../ports/store/decision-log.js';
import type { ChatMember, ChatMembers } from '../ports/store/log/event-log.js';
import { withCallerAttributes } from './attributes/caller-attributes.js';
import { chosenClaims } from './attributes/gather.js';
import { RefusedQueries } from './decisions/refused-queries.js';
import type { PolicyEnforcementPoint } from './enforcement.js';

export type ViewedChat =
  | { outcome: 'visible'; view: ChatView }
  /**
   * `not_found`, without a decision, if the caller is not in the chat. `not_permitted` for a member whom the policy
   * denies.
   */
  | { outcome: 'refused'; refusal: Refusal; decisionId: string | null };

/** All combinations of the attributes in which a caller's chats can differ for a decision. */
const ALL_TRAITS: readonly ChatTraits[] = chatKind.options.flatMap((kind) =>
  [false, true].flatMap((archived) => role.options.map((one) => ({ kind, archived, role: one }))),
);

/** The result of `visibleTo` as one number for comparison: one bit for each trait. */
export function fingerprintOf(visible: VisibleChats): number {
  if (visible === 'none') return 0;
  const isShown = (traits: ChatTraits) =>
    visible === 'all' ||
    visible.some(
      ({ kind, archived, role }) => kind === traits.kind && archived === traits.archived && role === traits.role,
    );
  return ALL_TRAITS.reduce((bits, traits) => bits * 2 + (isShown(traits) ? 1 : 0), 0);
}

/** A member, and the first sequence of the chat that they may see. Null if the policy denies viewing. */
export interface SeeingMember extends Member {
  firstVisibleSequence: number | null;
}

export class ChatViewing {
  private readonly refused: RefusedQueries;

  constructor(
    private readonly queries: Pick<ChatQueries, 'findChat' | 'findUser' | 'findUsers'>,
    private readonly policy: PolicyEnforcementPoint,
    decisions: Pick<DecisionLog, 'record'>,
  ) {
    this.refused = new RefusedQueries(decisions);
  }

  /**
   * The chat as the caller sees it. The decision is recorded before there is an answer: while the decision log is
   * unavailable there is neither a permit nor an unexplained denial. Rejects with the store's error.
   */
  async viewChat(caller: Caller, chatId: string): Promise<ViewedChat> {
    const view = await this.queries.findChat(caller, chatId);
    if (view === null) return { outcome: 'refused', refusal: CHAT_NOT_FOUND, decisionId: null };
    const decided = await this.decide(caller, (actor) =>
      this.policy.enforce(
        viewingAttributes(actor, {
          kind: view.chat.kind,
          archived: view.chat.archivedAt !== null,
          role: view.membership.role,
        }),
        { at: new Date(), commandId: null, chatId },
      ),
    );
    const decisionId = await this.refused.keep(decided);
    const { refusal } = decided;
    return refusal === null ? { outcome: 'visible', view } : { outcome: 'refused', refusal, decisionId };
  }

  /**
   * For lists, searches and counts. Asks once for each trait a chat can have, not for each chat. These decisions are
   * not recorded.
   */
  visibleTo(caller: Caller): Promise<VisibleChats> {
    return this.decide(caller, (actor) => {
      const visible = ALL_TRAITS.filter((traits) => this.policy.permits(viewingAttributes(actor, traits)));
      if (visible.length === ALL_TRAITS.length) return 'all';
      return visible.length === 0 ? 'none' : visible;
    });
  }

  /** What each of the chat's members may see, as events list them. These decisions are not recorded. */
  async whatMembersSee(chat: Chat, members: readonly Member[]): Promise<SeeingMember[]> {
    const { tenantId, kind, archivedAt } = chat;
    const { decisionPoint: policy } = this.policy;
    for (;;) {
      const { version } = policy;
      const ids = viewingAsksForProfiles(policy) ? members.map(({ userId }) => userId) : [];
      const profiles = ids.length === 0 ? new Map<string, User>() : await this.queries.findUsers(tenantId, ids);
      if (policy.version !== version) continue;
      const known = members.map((member) => ({ ...member, profile: profiles.get(member.userId) ?? null }));
      const viewers = viewersAmong(known, { tenantId, kind, archived: archivedAt !== null }, policy);
      const viewerIds = new Set(viewers.map(({ userId }) => userId));
      return members.map((member) => {
        const first = viewerIds.has(member.userId) ? firstVisibleSequence(chat, member) : null;
        return { ...member, firstVisibleSequence: first };
      });
    }
  }

  private decide<T>(caller: Caller, decision: (actor: ActorAttributes) => T): Promise<T> {
    return withCallerAttributes(caller, 'chat.view', this.policy.decisionPoint, this.queries, decision);
  }
}

/** The attributes of a chat, besides the member's role, that a decision about viewing uses. */
export type ViewedTraits = Pick<ChatMembers, 'tenantId' | 'kind' | 'archived'>;

/** Whether rules about viewing a chat use members' profiles. These change without an event of the chat. */
export function viewingAsksForProfiles(policy: PolicyDecisionPoint): boolean {
  return PROFILE_ATTRIBUTES.some((attribute) => policy.asksFor('chat.view', attribute));
}

/**
 * The members whom the policy lets view the chat, in the given order. Each gets the decision that REST would make,
 * except for the token, which is unknown here. Claims of the token are unknown to the rules, and never in the member's
 * favour.
 */
export function viewersAmong<M extends ChatMember>(
  members: readonly M[],
  { tenantId, kind, archived }: ViewedTraits,
  policy: PolicyDecisionPoint,
): readonly M[] {
  const permits = ({ userId, role, profile }: M) => {
    const claims = chosenClaims(profile?.claims, policy.claims);
    const actor = { tenantId, userId, kind: profile?.kind ?? DEFAULT_USER_KIND, claims, token: null };
    return policy.decide(viewingAttributes(actor, { kind, archived, role })).effect === 'permit';
  };
  const differ = [...PROFILE_ATTRIBUTES, 'actor.userId'].some((attribute) => policy.asksFor('chat.view', attribute));
  if (differ) return members.filter(permits);
  // The decision is the same for all members with the same role.
  const byRole = new Map<Member['role'], boolean>();
  for (const member of members) if (!byRole.has(member.role)) byRole.set(member.role, permits(member));
  return [...byRole.values()].every(Boolean) ? members : members.filter(({ role }) => byRole.get(role));
}

const PROFILE_ATTRIBUTES = ['actor.kind', 'actor.claims'];

function viewingAttributes(actor: ActorAttributes, { kind, archived, role }: ChatTraits): PolicyAttributes {
  return {
    action: 'chat.view',
    actor,
    producer: null,
    chat: { kind, archived },
    role,
    target: null,
    grantedRole: null,
    message: null,
    text: null,
    deleteMode: null,
    profile: null,
    user: null,
    decision: null,
  };
}
