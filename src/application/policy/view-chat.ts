/**
 * Before a client is shown anything of a chat: it must be in the chat, and the policy must permit it. The one way from a query to
 * what belongs to a chat.
 */
import { CHAT_NOT_FOUND, type Refusal } from '../../domain/refusal.js';
import { DEFAULT_USER_KIND } from '../../domain/user.js';
import type { Caller, ChatQueries, ChatView } from '../ports/chat-queries.js';
import type { Enforced, PolicyEnforcementPoint } from './enforcement.js';

export type ViewedChat =
  | { outcome: 'visible'; view: ChatView }
  /** `not_found`, undecided, to one who is not in the chat; `not_permitted` to a member whom the policy denies. */
  | { outcome: 'refused'; refusal: Refusal; decisionId: string | null };

export class ChatViewing {
  constructor(
    private readonly queries: Pick<ChatQueries, 'findChat'>,
    private readonly policy: PolicyEnforcementPoint,
  ) {}

  /** The chat as the caller sees it. Rejects with what the store rejects with. */
  async viewChat(caller: Caller, chatId: string): Promise<ViewedChat> {
    const view = await this.queries.findChat(caller, chatId);
    if (view === null) return { outcome: 'refused', refusal: CHAT_NOT_FOUND, decisionId: null };
    const { refusal, decisionId } = this.enforce(caller, view);
    return refusal === null ? { outcome: 'visible', view } : { outcome: 'refused', refusal, decisionId };
  }

  /** For lists: whether a chat that the caller is in may be shown to them. */
  isVisible(caller: Caller, view: ChatView): boolean {
    return this.enforce(caller, view).refusal === null;
  }

  private enforce({ tenantId, userId }: Caller, { chat, membership }: ChatView): Enforced {
    return this.policy.enforce({
      action: 'chat.view',
      // A token says who, not what kind; the profile is not worth a read for each query.
      actor: { tenantId, userId, kind: DEFAULT_USER_KIND },
      producer: null,
      chat: { kind: chat.kind, archived: chat.archivedAt !== null },
      role: membership.role,
      target: null,
      grantedRole: null,
      message: null,
      deleteMode: null,
      setsKind: false,
    });
  }
}
