/**
 * Before a client is shown anything of a chat: it must be in the chat, and the policy must permit it. The one way from a query to
 * what belongs to a chat.
 */
import type { Chat, Member } from '../../domain/chat.js';
import { CHAT_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import { DEFAULT_USER_KIND } from '../../domain/user.js';
import type { Caller, ChatQueries, ChatView } from '../ports/chat-queries.js';
import type { Enforced, PolicyEnforcementPoint } from './enforcement.js';

export type ViewedChat =
  | { outcome: 'visible'; view: ChatView }
  /** `not_found`, undecided, to one who is not in the chat; `not_permitted` to a member whom the policy denies. */
  | { outcome: 'refused'; refusal: Refusal; decisionId: string | null };

/** What a decision asks of the chat and the caller's place in it. */
interface ViewingFacts {
  kind: Chat['kind'];
  archived: boolean;
  role: Member['role'];
}

export function viewingFacts({ chat, membership }: ChatView): ViewingFacts {
  return { kind: chat.kind, archived: chat.archivedAt !== null, role: membership.role };
}

export class ChatViewing {
  constructor(
    private readonly queries: Pick<ChatQueries, 'findChat'>,
    private readonly policy: PolicyEnforcementPoint,
  ) {}

  /** The chat as the caller sees it. Rejects with what the store rejects with. */
  async viewChat(caller: Caller, chatId: string): Promise<ViewedChat> {
    const view = await this.queries.findChat(caller, chatId);
    if (view === null) return { outcome: 'refused', refusal: CHAT_NOT_FOUND, decisionId: null };
    const { refusal, decisionId } = this.enforce(caller, viewingFacts(view));
    return refusal === null ? { outcome: 'visible', view } : { outcome: 'refused', refusal, decisionId };
  }

  /** For lists and counts: whether a chat of this kind, in which the caller has that role, may be shown to them. */
  isVisible(caller: Caller, facts: ViewingFacts): boolean {
    return this.enforce(caller, facts).refusal === null;
  }

  private enforce({ tenantId, userId }: Caller, { kind, archived, role }: ViewingFacts): Enforced {
    return this.policy.enforce(
      {
        action: 'chat.view',
        // A token says who, not what kind; the profile is not worth a read for each query.
        actor: { tenantId, userId, kind: DEFAULT_USER_KIND, claims: {}, token: null },
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
      },
      { at: new Date(), commandId: null, chatId: null },
      () => {},
    );
  }
}
