/**
 * Which members may see what of a chat. It is decided once for all members, by the same code as for REST, and used for
 * each event. So events list the members to whom REST would show them.
 */
import { firstVisibleSequence } from '../../domain/chat.js';
import type { PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { ChatMembers, EventLog } from '../ports/store/log/event-log.js';
import { viewersAmong, viewingAsksForProfiles } from './view-chat.js';

export interface ChatAudience {
  /** The version of the policy that decided. */
  policyVersion: string;
  memberCount: number;
  /**
   * Ids of the members who may view the chat, in code-unit order. Null if the chat has more members than can be listed.
   */
  viewers: readonly string[] | null;
  /** The first sequence of the chat that each of them may see, in the same order. */
  firstVisible: readonly number[];
  /** Each of them may see everything from this sequence on. */
  visibleToAllFrom: number;
}

export function audienceOf(chat: ChatMembers, policy: PolicyDecisionPoint): ChatAudience {
  const { memberCount } = chat;
  const { version: policyVersion } = policy;
  if (chat.members === null)
    return { policyVersion, memberCount, viewers: null, firstVisible: [], visibleToAllFrom: 0 };
  const viewers = viewersAmong(chat.members, chat, policy);
  const firstVisible = viewers.map((member) => firstVisibleSequence(chat, member));
  const visibleToAllFrom = firstVisible.reduce((latest, first) => Math.max(latest, first), 0);
  const ids = viewers.map(({ userId }) => userId);
  return { policyVersion, memberCount, viewers: ids, firstVisible, visibleToAllFrom };
}

/** Reads the members of chats and decides what each may see. */
export class AudienceReader {
  constructor(
    private readonly log: Pick<EventLog, 'recipients'>,
    private readonly policy: PolicyDecisionPoint,
    /** Maximum number of recipients listed in an event. */
    private readonly recipientsMax: number,
  ) {}

  get policyVersion(): string {
    return this.policy.version;
  }

  /** Whether the result stays valid until an event of the chat changes it. */
  get isSettledByEvents(): boolean {
    return !viewingAsksForProfiles(this.policy);
  }

  /** By chat id, as of now. Chats that do not exist are left out. Rejects with the store's error. */
  async read(chatIds: readonly string[]): Promise<Map<string, ChatAudience>> {
    for (;;) {
      const { version } = this.policy;
      // One more than can be listed, because the actor is left out afterwards.
      const chats = await this.log.recipients(chatIds, this.recipientsMax + 1, viewingAsksForProfiles(this.policy));
      // The policy can be replaced meanwhile, and may use attributes that were not read.
      if (this.policy.version !== version) continue;
      return new Map([...chats].map(([chatId, chat]) => [chatId, audienceOf(chat, this.policy)]));
    }
  }
}
