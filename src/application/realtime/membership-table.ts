/**
 * The memberships of the users who are connected to this gateway. Each is versioned by its chat's sequence at loading:
 * an event at or below it is already in it. Pure: the caller loads rows and passes on events in the order of the log.
 *
 * A join is never taken from its event alone. It makes the membership unknown until it is loaded again, so that the
 * order of loading and events does not matter. An unknown membership gets nothing.
 */
import type { CloudEvent } from '../../contract/messages/events.js';
import { firstVisibleSequence, type HistoryVisibility } from '../../domain/chat.js';
import type { UserMembership } from '../ports/queries/realtime-reads.js';
import { type UserKey, userKey } from '../ports/store/command-store.js';

interface LocalMember {
  joinedSequence: number;
  version: number;
}

interface LocalChat {
  historyVisibility: HistoryVisibility;
  memberCount: number;
  /** The chat's sequence to which these two belong. */
  version: number;
  /** By `userKey`. */
  members: Map<string, LocalMember>;
}

/** A read of memberships in flight, of all chats of a user or of one. Events that it may not contain are noted. */
export interface MembershipLoad {
  readonly key: string;
  readonly chatId: string | null;
  /** By chat id: the latest event about this user's membership since the load began. */
  readonly touched: Map<string, number>;
}

export interface MembershipChange {
  /** Users whose membership must be loaded again: they have joined. */
  joined: string[];
  /** A user who has left, after being a member here. */
  left: string | null;
  /** Local members for whom the visible history has changed. */
  reopened: string[];
}

const NO_CHANGE: MembershipChange = { joined: [], left: null, reopened: [] };

/** A change of visibility is remembered this long for loads in flight, which take less. */
const VISIBILITY_KEPT_MS = 30_000;

export class MembershipTable {
  private readonly chats = new Map<string, LocalChat>();
  /** By `userKey`: the chats of each connected user. */
  private readonly users = new Map<string, Set<string>>();
  private readonly loads = new Set<MembershipLoad>();
  private readonly visibilities = new Map<string, { sequence: number; visibility: HistoryVisibility; at: number }>();

  constructor(private readonly elapsedMs: () => number) {}

  /** Begins a load: the read must start after this call. */
  begin(user: UserKey, chatId: string | null): MembershipLoad {
    const key = userKey(user);
    if (!this.users.has(key)) this.users.set(key, new Set());
    if (chatId !== null) this.drop(key, chatId);
    const load = { key, chatId, touched: new Map<string, number>() };
    this.loads.add(load);
    return load;
  }

  /** Ends it with its rows. Returns the chats whose membership changed meanwhile, to be loaded again. */
  end(load: MembershipLoad, rows: readonly UserMembership[]): string[] {
    if (!this.loads.delete(load)) return [];
    const versions = new Map<string, number>();
    for (const row of rows) {
      versions.set(row.chatId, row.lastSequence);
      this.put(load.key, row);
    }
    const outdated = [...load.touched].filter(([chatId, sequence]) => sequence > (versions.get(chatId) ?? -1));
    for (const [chatId] of outdated) this.drop(load.key, chatId);
    return outdated.map(([chatId]) => chatId);
  }

  abandon(load: MembershipLoad): void {
    this.loads.delete(load);
  }

  forget(user: UserKey): void {
    const key = userKey(user);
    for (const chatId of this.users.get(key) ?? []) this.drop(key, chatId);
    this.users.delete(key);
    for (const load of this.loads) if (load.key === key) this.loads.delete(load);
  }

  isMember(user: UserKey, chatId: string): boolean {
    return this.chats.get(chatId)?.members.has(userKey(user)) === true;
  }

  memberCount(chatId: string): number {
    return this.chats.get(chatId)?.memberCount ?? 0;
  }

  /** The connected members of a chat, each with the first sequence that they may see. */
  *membersOf(chatId: string): Generator<{ key: string; firstVisible: number }> {
    const chat = this.chats.get(chatId);
    if (chat === undefined) return;
    for (const [key, member] of chat.members) yield { key, firstVisible: firstVisibleSequence(chat, member) };
  }

  /** Takes in an event of the log. To be called after the event was passed to the members before it. */
  apply(event: CloudEvent): MembershipChange {
    switch (event.type) {
      case 'chat.created':
      case 'member.added': {
        const { tenantId, chatId, sequence, members } = event.data;
        const chat = this.chats.get(chatId);
        if (chat !== undefined && chat.version < sequence) {
          chat.memberCount += members.length;
          chat.version = sequence;
        }
        const joined = members.flatMap(({ userId }) => {
          const key = userKey({ tenantId, userId });
          this.touch(key, chatId, sequence);
          const version = chat?.members.get(key)?.version ?? -1;
          return this.users.has(key) && version < sequence ? [userId] : [];
        });
        return { ...NO_CHANGE, joined };
      }
      case 'member.removed': {
        const { tenantId, chatId, sequence, userId } = event.data;
        const key = userKey({ tenantId, userId });
        const chat = this.chats.get(chatId);
        this.touch(key, chatId, sequence);
        if (chat !== undefined && chat.version < sequence) {
          chat.memberCount -= 1;
          chat.version = sequence;
        }
        const member = chat?.members.get(key);
        if (member === undefined || member.version >= sequence) return NO_CHANGE;
        this.drop(key, chatId);
        return { ...NO_CHANGE, left: userId };
      }
      case 'chat.updated': {
        const { chatId, sequence, historyVisibility } = event.data;
        if (this.loads.size > 0) this.remember(chatId, sequence, historyVisibility);
        const chat = this.chats.get(chatId);
        if (chat === undefined) return NO_CHANGE;
        // Another member's load may have brought the change already. Whether it was this event is then unknown.
        const hasChanged = chat.version >= sequence || chat.historyVisibility !== historyVisibility;
        if (!hasChanged) return NO_CHANGE;
        if (chat.version < sequence) Object.assign(chat, { historyVisibility, version: sequence });
        const reopened = [...chat.members].flatMap(([key, { version }]) => (version < sequence ? [key] : []));
        return { ...NO_CHANGE, reopened };
      }
      default:
        return NO_CHANGE;
    }
  }

  private touch(key: string, chatId: string, sequence: number): void {
    for (const load of this.loads)
      if (load.key === key && (load.chatId === null || load.chatId === chatId)) load.touched.set(chatId, sequence);
  }

  private put(key: string, row: UserMembership): void {
    const { chatId, lastSequence: version, memberCount, joinedSequence } = row;
    const known = this.chats.get(chatId);
    const members = known?.members ?? new Map<string, LocalMember>();
    // An earlier load of the same user may end after a later one.
    if ((members.get(key)?.version ?? -1) <= version) members.set(key, { joinedSequence, version });
    this.users.get(key)?.add(chatId);
    if (known !== undefined && known.version >= version) return;
    const later = this.visibilities.get(chatId);
    const historyVisibility =
      later !== undefined && later.sequence > version ? later.visibility : row.historyVisibility;
    this.chats.set(chatId, { historyVisibility, memberCount, version, members });
  }

  private drop(key: string, chatId: string): void {
    this.users.get(key)?.delete(chatId);
    const chat = this.chats.get(chatId);
    chat?.members.delete(key);
    if (chat?.members.size === 0) this.chats.delete(chatId);
  }

  private remember(chatId: string, sequence: number, visibility: HistoryVisibility): void {
    const at = this.elapsedMs();
    this.visibilities.set(chatId, { sequence, visibility, at });
    for (const [id, { at: then }] of this.visibilities) {
      if (at - then < VISIBILITY_KEPT_MS) break;
      this.visibilities.delete(id);
    }
  }
}
