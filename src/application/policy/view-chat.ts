/**
 * Before a client is shown anything of a chat: it must be in the chat, and the policy must permit it. The one way from a query to
 * what belongs to a chat, and to what is listed of many.
 */
import { chatKind, role } from '../../contract/commands.js';
import { CHAT_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import type { Caller, ChatQueries, ChatTraits, ChatView, VisibleChats } from '../ports/chat-queries.js';
import type { DecisionLog } from '../ports/decision-log.js';
import { withCallerFacts } from './caller-facts.js';
import type { PolicyEnforcementPoint } from './enforcement.js';
import type { ActorFacts, PolicyFacts } from './facts.js';
import { RefusedQueries } from './refused-queries.js';

export type ViewedChat =
  | { outcome: 'visible'; view: ChatView }
  /** `not_found`, undecided, to one who is not in the chat; `not_permitted` to a member whom the policy denies. */
  | { outcome: 'refused'; refusal: Refusal; decisionId: string | null };

/** Every way in which one chat of a caller's can differ from another where a decision looks. */
const ALL_TRAITS: readonly ChatTraits[] = chatKind.options.flatMap((kind) =>
  [false, true].flatMap((archived) => role.options.map((one) => ({ kind, archived, role: one }))),
);

/** The answer of `visibleTo` as one number, to be compared with another: a bit for each of the traits. */
export function fingerprintOf(visible: VisibleChats): number {
  if (visible === 'none') return 0;
  const isShown = (traits: ChatTraits) =>
    visible === 'all' ||
    visible.some(
      ({ kind, archived, role }) => kind === traits.kind && archived === traits.archived && role === traits.role,
    );
  return ALL_TRAITS.reduce((bits, traits) => bits * 2 + (isShown(traits) ? 1 : 0), 0);
}

export class ChatViewing {
  private readonly refused: RefusedQueries;

  constructor(
    private readonly queries: Pick<ChatQueries, 'findChat' | 'findUser'>,
    private readonly policy: PolicyEnforcementPoint,
    decisions: Pick<DecisionLog, 'record'>,
  ) {
    this.refused = new RefusedQueries(decisions);
  }

  /**
   * The chat as the caller sees it. What the decision log is to keep is in it before there is an answer: while it is away there is neither a yes
   * nor an unexplained no. Rejects with what the store rejects with.
   */
  async viewChat(caller: Caller, chatId: string): Promise<ViewedChat> {
    const view = await this.queries.findChat(caller, chatId);
    if (view === null) return { outcome: 'refused', refusal: CHAT_NOT_FOUND, decisionId: null };
    const decided = await this.decide(caller, (actor) =>
      this.policy.enforce(
        viewingFacts(actor, {
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

  /** For what is listed, found or counted. Asks for each of the traits a chat can have, not for each chat; none of these decisions is kept. */
  visibleTo(caller: Caller): Promise<VisibleChats> {
    return this.decide(caller, (actor) => {
      const visible = ALL_TRAITS.filter((traits) => this.policy.permits(viewingFacts(actor, traits)));
      if (visible.length === ALL_TRAITS.length) return 'all';
      return visible.length === 0 ? 'none' : visible;
    });
  }

  private decide<T>(caller: Caller, decision: (actor: ActorFacts) => T): Promise<T> {
    return withCallerFacts(caller, 'chat.view', this.policy.decisionPoint, this.queries, decision);
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
    decision: null,
  };
}
