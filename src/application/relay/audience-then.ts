/**
 * Who could see a chat when an event was committed. The chat's present state answers that unless the audience has
 * changed since; then the chat's past is replayed up to the event.
 */
import { LRUCache } from 'lru-cache';
import type { HistoryVisibility } from '../../domain/chat.js';
import type { User } from '../../domain/user.js';
import { audienceOf, type ChatAudience } from '../policy/chat-audience.js';
import { viewingAsksForProfiles } from '../policy/view-chat.js';
import type { PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { ChatQueries } from '../ports/queries/chat-queries.js';
import type { ChatMember, ChatMembers, EventLog, LoggedEvent } from '../ports/store/log/event-log.js';
import { type FollowedLog, isAfter } from '../ports/store/log/followed-log.js';

/** Number of events that one read of a chat's past covers. */
export const REPLAY_READ_MAX = 256;
/** Maximum number of member ids in the replayed states that are kept for one cursor. It bounds the memory only. */
export const REPLAYED_MEMBER_IDS_MAX = 10_000;

export interface AudienceThenDeps {
  log: FollowedLog;
  /** The present members. */
  present: Pick<EventLog, 'recipients'>;
  profiles: Pick<ChatQueries, 'findUsers'>;
  policy: PolicyDecisionPoint;
  /** Maximum number of recipients listed in an event. */
  recipientsMax: number;
}

/** For one log: its calls must not overlap. */
export class AudienceThen {
  private readonly pasts = new LRUCache<string, ChatPast>({
    maxSize: REPLAYED_MEMBER_IDS_MAX,
    sizeCalculation: (past) => 1 + past.size,
  });

  constructor(private readonly deps: AudienceThenDeps) {}

  /** In the order of the events, which is that of their log. Null for an event that has no audience. */
  async of(events: readonly LoggedEvent[]): Promise<(ChatAudience | null)[]> {
    const { policy } = this.deps;
    for (;;) {
      const { version } = policy;
      const audiences = await this.read(events);
      // The policy can be replaced meanwhile, and may use attributes that were not read.
      if (policy.version === version) return audiences;
    }
  }

  private async read(events: readonly LoggedEvent[]): Promise<(ChatAudience | null)[]> {
    const { log, present, policy, recipientsMax } = this.deps;
    const chatIds = [...new Set(events.flatMap((event) => (hasAudience(event) ? [event.chatId ?? ''] : [])))];
    // One more than can be listed, because the actor is left out afterwards.
    const max = recipientsMax + 1;
    const chats = await present.recipients(chatIds, max, viewingAsksForProfiles(policy));
    // After the members: if the last change that is committed by now is not after the event, then none was committed
    // after the event when the members were read.
    const lastChanges = await log.lastAudienceChanges(chatIds);
    const now = new Map<string, ChatAudience>();
    const audiences: (ChatAudience | null)[] = [];
    for (const event of events) {
      const chat = chats.get(event.chatId ?? '');
      if (!hasAudience(event) || chat === undefined) audiences.push(null);
      else audiences.push(await this.audienceAt(event, chat, lastChanges.get(event.chatId ?? ''), now));
    }
    return audiences;
  }

  private async audienceAt(
    event: LoggedEvent,
    present: ChatMembers,
    lastChange: LoggedEvent | undefined,
    now: Map<string, ChatAudience>,
  ): Promise<ChatAudience> {
    const { policy, recipientsMax } = this.deps;
    const chatId = event.chatId ?? '';
    if (lastChange !== undefined && isAfter(lastChange, event)) {
      const past = await this.replay(chatId, event);
      return audienceOf(await this.withProfiles(past.asOfThen(present, recipientsMax + 1)), policy);
    }
    const known = now.get(chatId) ?? audienceOf(present, policy);
    now.set(chatId, known);
    return known;
  }

  /** The past never changes, so a replayed state only moves forward. An earlier event starts again. */
  private async replay(chatId: string, until: LoggedEvent): Promise<ChatPast> {
    const cached = this.pasts.get(chatId);
    const past = cached === undefined || cached.isBeyond(until) ? new ChatPast() : cached;
    let changes: LoggedEvent[];
    do {
      changes = await this.deps.log.audienceChanges(chatId, past.through, until, REPLAY_READ_MAX);
      for (const change of changes) past.apply(change);
    } while (changes.length === REPLAY_READ_MAX);
    this.pasts.set(chatId, past);
    return past;
  }

  private async withProfiles(chat: ChatMembers): Promise<ChatMembers> {
    const { policy, profiles } = this.deps;
    if (chat.members === null || !viewingAsksForProfiles(policy)) return chat;
    const ids = chat.members.map(({ userId }) => userId);
    const users = ids.length === 0 ? new Map<string, User>() : await profiles.findUsers(chat.tenantId, ids);
    const members = chat.members.map((member) => ({ ...member, profile: users.get(member.userId) ?? null }));
    return { ...chat, members };
  }
}

/** A rejection and a chat that is hidden concern only the actor. */
function hasAudience({ chatId, event: { type } }: LoggedEvent): boolean {
  return chatId !== null && type !== 'command.rejected' && type !== 'chat.hidden' && type !== 'chat.unhidden';
}

/** What decides who can see a chat, after the last change that was applied. */
class ChatPast {
  through = 0;
  private last: LoggedEvent | null = null;
  private archived = false;
  private historyVisibility: HistoryVisibility = 'full';
  private readonly members = new Map<string, ChatMember>();

  get size(): number {
    return this.members.size;
  }

  isBeyond(event: LoggedEvent): boolean {
    return this.last !== null && isAfter(this.last, event);
  }

  apply(logged: LoggedEvent): void {
    const { event, sequence } = logged;
    this.through = sequence ?? this.through;
    this.last = logged;
    switch (event.type) {
      case 'chat.created':
        this.historyVisibility = event.historyVisibility;
        this.join(event.members);
        break;
      case 'chat.updated':
        this.historyVisibility = event.historyVisibility;
        break;
      case 'chat.archived':
      case 'chat.unarchived':
        this.archived = event.type === 'chat.archived';
        break;
      case 'member.added':
        this.join(event.members);
        break;
      case 'member.removed':
        this.members.delete(event.userId);
        break;
      case 'member.updated': {
        const member = this.members.get(event.userId);
        if (member !== undefined) this.members.set(event.userId, { ...member, role: event.role });
        break;
      }
    }
  }

  /** Tenant and kind of a chat never change. */
  asOfThen({ tenantId, kind }: ChatMembers, max: number): ChatMembers {
    const { archived, historyVisibility, members } = this;
    const sorted = [...members.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1));
    const listed = members.size > max ? null : sorted;
    return { tenantId, kind, archived, historyVisibility, memberCount: members.size, members: listed };
  }

  private join(members: readonly Pick<ChatMember, 'userId' | 'role'>[]): void {
    for (const { userId, role } of members) this.members.set(userId, { userId, role, joinedSequence: this.through });
  }
}
