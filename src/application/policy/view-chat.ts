/**
 * Before a client is shown anything of a chat: it must be in the chat, and the policy must permit it. The one way from a query to
 * what belongs to a chat, and to what is listed of many.
 */
import { chatKind, role } from '../../contract/commands.js';
import { CHAT_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import { DEFAULT_USER_KIND } from '../../domain/user.js';
import type { Caller, ChatQueries, ChatTraits, ChatView, VisibleChats } from '../ports/chat-queries.js';
import type { DecisionLog } from '../ports/decision-log.js';
import type { DecisionRecord } from './decision-record.js';
import type { PolicyEnforcementPoint } from './enforcement.js';
import type { ActorFacts, PolicyFacts } from './facts.js';
import { chosenClaims } from './gather.js';

export type ViewedChat =
  | { outcome: 'visible'; view: ChatView }
  /** `not_found`, undecided, to one who is not in the chat; `not_permitted` to a member whom the policy denies. */
  | { outcome: 'refused'; refusal: Refusal; decisionId: string | null };

/** Every way in which one chat of a caller's can differ from another where a decision looks. */
const ALL_TRAITS: readonly ChatTraits[] = chatKind.options.flatMap((kind) =>
  [false, true].flatMap((archived) => role.options.map((one) => ({ kind, archived, role: one }))),
);

export class ChatViewing {
  constructor(
    private readonly queries: Pick<ChatQueries, 'findChat' | 'findUser'>,
    private readonly policy: PolicyEnforcementPoint,
    private readonly decisions: Pick<DecisionLog, 'record'>,
  ) {}

  /**
   * The chat as the caller sees it. What the decision log is to keep is in it before there is an answer: while it is away there is neither a yes
   * nor an unexplained no. Rejects with what the store rejects with.
   */
  async viewChat(caller: Caller, chatId: string): Promise<ViewedChat> {
    const view = await this.queries.findChat(caller, chatId);
    if (view === null) return { outcome: 'refused', refusal: CHAT_NOT_FOUND, decisionId: null };
    const kept: DecisionRecord[] = [];
    const { refusal, decisionId } = await this.decide(caller, (actor) =>
      this.policy.enforce(
        viewingFacts(actor, {
          kind: view.chat.kind,
          archived: view.chat.archivedAt !== null,
          role: view.membership.role,
        }),
        { at: new Date(), commandId: null, chatId },
        (record) => kept.push(record),
      ),
    );
    if (kept.length > 0) await this.decisions.record(kept);
    return refusal === null ? { outcome: 'visible', view } : { outcome: 'refused', refusal, decisionId };
  }

  /** For what is listed, found or counted. Asks for each of the traits a chat can have, not for each chat; none of these decisions is kept. */
  visibleTo(caller: Caller): Promise<VisibleChats> {
    return this.decide(caller, (actor) => {
      const visible = ALL_TRAITS.filter((traits) => this.policy.permits(viewingFacts(actor, traits)));
      if (visible.length === ALL_TRAITS.length) return 'all';
      return visible.length === 0 ? 'none' : visible;
    });
  }

  /** Decides in the turn in which the facts are certain to be those that the policy asks for: it can be replaced while they are gathered. */
  private async decide<T>(caller: Caller, decision: (actor: ActorFacts) => T): Promise<T> {
    const { decisionPoint } = this.policy;
    for (;;) {
      const { version } = decisionPoint;
      const actor = await this.factsOf(caller);
      if (decisionPoint.version === version) return decision(actor);
    }
  }

  /** The profile is read only where rules about viewing ask for what is in it. */
  private async factsOf({ tenantId, userId, token }: Caller): Promise<ActorFacts> {
    const { decisionPoint } = this.policy;
    const { claims, tokenClaims } = decisionPoint;
    const asksForProfile = ['actor.kind', 'actor.claims'].some((fact) => decisionPoint.asksFor('chat.view', fact));
    const user = asksForProfile ? await this.queries.findUser({ tenantId, userId }) : null;
    return {
      tenantId,
      userId,
      kind: user?.kind ?? DEFAULT_USER_KIND,
      claims: chosenClaims(user?.claims, claims),
      token: token === undefined ? null : chosenClaims(token, tokenClaims),
    };
  }
}

function viewingFacts(actor: ActorFacts, { kind, archived, role }: ChatTraits): PolicyFacts {
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
  };
}
