/** The expected answers of queries, from all data of the model. */
import type {
  ChatHistory,
  CoveringMark,
  MessageView,
  SequencePage,
  SequenceRange,
  VisiblePast,
} from '../../../src/application/ports/queries/chat-history.js';
import type {
  Caller,
  ChatListFilter,
  ChatListItem,
  ChatListPosition,
  ChatQueries,
  ChatView,
  UnreadTotal,
  VisibleChats,
} from '../../../src/application/ports/queries/chat-queries.js';
import type { SearchPosition, SearchQuery } from '../../../src/application/ports/queries/message-search.js';
import type { UserKey } from '../../../src/application/ports/store/command-store.js';
import type { Chat, Member } from '../../../src/domain/chat.js';
import type { MessageRevision } from '../../../src/domain/message.js';
import type { User } from '../../../src/domain/user.js';
import {
  hides,
  type ModelChat,
  type ModelMessage,
  type ModelWorld,
  type Person,
  presentText,
  seen,
} from './model-world.js';

type Answers = Pick<ChatQueries, 'listChats' | 'findChat' | 'listMembers' | 'countUnread' | 'findUser'> &
  Omit<ChatHistory, 'listEvents'>;

/** Events about a member's own state, without a sequence. */
const OWN_MARKS = ['chat.read', 'chat.hidden', 'chat.unhidden'];

/** For users who may see all their chats. */
export class ModelQueries implements Answers {
  constructor(private readonly world: ModelWorld) {}

  async listChats(
    caller: Caller,
    _visible: VisibleChats,
    { kind, archived, hidden = false }: ChatListFilter,
    from: ChatListPosition | null,
    limit: number,
  ): Promise<ChatListItem[]> {
    const all = this.chatsOf(caller).sort(
      ([a], [b]) => this.lastAt(b).getTime() - this.lastAt(a).getTime() || (a.id < b.id ? -1 : 1),
    );
    const rest = all.slice(all.findIndex(([chat]) => chat.id === from?.chatId) + 1);
    return rest
      .filter(([chat, me]) => hides(chat, me) === hidden)
      .filter(([chat]) => (kind ?? chat.kind) === chat.kind)
      .filter(([chat]) => (archived ?? chat.archivedAt !== null) === (chat.archivedAt !== null))
      .slice(0, limit)
      .map(([chat, me]) => {
        const last = seen(chat, me).at(-1);
        return {
          ...this.view(chat, caller.userId, me),
          lastMessage: last ? this.message(chat, last, caller.userId) : null,
        };
      });
  }

  async findChat({ tenantId, userId }: Caller, chatId: string): Promise<ChatView | null> {
    const chat = this.world.chats.get(chatId);
    const me = chat?.people.get(userId);
    return chat === undefined || me === undefined || chat.tenant !== tenantId ? null : this.view(chat, userId, me);
  }

  async listMembers(chatId: string, afterUserId: string | null, limit: number): Promise<Member[]> {
    const chat = this.chat(chatId);
    const ids = [...chat.people.keys()].sort().filter((id) => id > (afterUserId ?? ''));
    return ids.slice(0, limit).map((id) => this.member(chat, id, chat.people.get(id) as Person));
  }

  async countUnread(caller: Caller): Promise<UnreadTotal> {
    const total = { unreadCount: 0, chatCount: 0 };
    for (const [chat, me] of this.chatsOf(caller).filter(([of, person]) => !hides(of, person))) {
      const unread = chat.messages.filter(({ sequence }) => sequence > me.readUpTo).length;
      total.unreadCount += unread;
      total.chatCount += unread === 0 ? 0 : 1;
    }
    return total;
  }

  async findUser({ tenantId, userId }: UserKey): Promise<User | null> {
    const profile = this.world.profiles.get(`${tenantId} ${userId}`);
    return profile === undefined ? null : ({ tenantId, userId, claims: {}, ...profile } as User);
  }

  async listMessages({ chatId, userId }: VisiblePast, range: SequenceRange): Promise<SequencePage<MessageView>> {
    const chat = this.chat(chatId);
    return this.page(chat, userId, seen(chat, chat.people.get(userId) as Person), range);
  }

  async findMessage({ chatId, userId }: VisiblePast, messageId: string): Promise<MessageView | null> {
    const message = this.find(chatId, userId, messageId);
    return message === undefined ? null : this.message(this.chat(chatId), message, userId);
  }

  async listRevisions(
    { chatId, userId }: VisiblePast,
    messageId: string,
    afterRevision: number,
    limit: number,
  ): Promise<MessageRevision[]> {
    const message = this.find(chatId, userId, messageId);
    if (message === undefined || message.deleted !== null) return [];
    const revisions = message.texts.map(({ by, ...text }, at) => ({
      messageId,
      revision: at + 1,
      actorId: by,
      ...text,
    }));
    return revisions.slice(afterRevision, -1).slice(0, limit) as MessageRevision[];
  }

  async findThread({ chatId, userId }: VisiblePast, rootId: string, range: SequenceRange) {
    const chat = this.chat(chatId);
    const root = this.find(chatId, userId, rootId);
    if (root === undefined) return null;
    const replies = seen(chat, chat.people.get(userId) as Person).filter(({ thread }) => thread === rootId);
    const last = replies.at(-1);
    return {
      root: this.message(chat, root, userId),
      replyCount: replies.length,
      lastReply: last === undefined ? null : this.message(chat, last, userId),
      replies: this.page(chat, userId, replies, range),
    };
  }

  async listReaders(
    { chatId, userId }: VisiblePast,
    messageId: string,
    mark: CoveringMark,
    afterUserId: string | null,
    limit: number,
  ) {
    const message = this.find(chatId, userId, messageId);
    if (message === undefined) return [];
    return [...this.chat(chatId).people]
      .filter(([id]) => id !== message.sender && id > (afterUserId ?? ''))
      .filter(([, { joined }]) => joined < message.sequence)
      .filter(([, { readUpTo, gotUpTo }]) =>
        [readUpTo, ...(mark === 'delivered' ? [gotUpTo] : [])].some((upTo) => message.sequence <= upTo),
      )
      .map(([id, { readUpTo, gotUpTo }]) => ({ userId: id, readSequence: readUpTo, deliveredSequence: gotUpTo }))
      .sort((a, b) => (a.userId < b.userId ? -1 : 1))
      .slice(0, limit);
  }

  /** For one word; highlights are not compared. */
  async search(caller: Caller, { text, chatId, senderId }: SearchQuery, from: SearchPosition | null, limit: number) {
    const found = this.chatsOf(caller)
      .filter(([chat]) => (chatId ?? chat.id) === chat.id)
      .flatMap(([chat, me]) => seen(chat, me).map((message) => ({ chat, me, message })))
      .filter(({ message }) => message.deleted === null && presentText(message).body.split(' ').includes(text))
      .filter(({ message }) => (senderId ?? message.sender) === message.sender)
      .sort((a, b) => (a.message.id < b.message.id ? 1 : -1));
    const rest = found.slice(found.findIndex(({ message }) => message.id === from?.messageId) + 1);
    return rest.slice(0, limit).map(({ chat, me, message }) => ({
      message: this.message(chat, message, caller.userId),
      view: this.view(chat, caller.userId, me),
    }));
  }

  private page(chat: ModelChat, userId: string, among: ModelMessage[], { after, before, limit }: SequenceRange) {
    const inRange = among.filter(({ sequence: n }) => n > (after ?? 0) && n < (before ?? Infinity));
    const messages = after === undefined ? inRange.slice(-limit) : inRange.slice(0, limit);
    const items = messages.map((message) => this.message(chat, message, userId));
    return { items, hasMore: messages.length < inRange.length };
  }

  private chat(chatId: string): ModelChat {
    return this.world.chats.get(chatId) as ModelChat;
  }

  private chatsOf({ tenantId, userId }: Caller): [ModelChat, Person][] {
    return [...this.world.chats.values()].flatMap((chat) => {
      const me = chat.people.get(userId);
      return me === undefined || chat.tenant !== tenantId ? [] : [[chat, me]];
    });
  }

  private find(chatId: string, userId: string, id: string): ModelMessage | undefined {
    const chat = this.chat(chatId);
    return seen(chat, chat.people.get(userId) as Person).find((message) => message.id === id);
  }

  /** Time of the last message, or of the creation. */
  private lastAt({ id }: ModelChat): Date {
    const events = this.world.eventsOf(id);
    return (events.findLast(({ type }) => type === 'message.created') ?? events[0])?.at as Date;
  }

  private view(chat: ModelChat, userId: string, me: Person): ChatView {
    return { chat: this.state(chat), membership: this.member(chat, userId, me) };
  }

  state(chat: ModelChat): Chat {
    const events = this.world.eventsOf(chat.id);
    const people = [...chat.people.values()];
    const { tenant, partition, kind, title, createdBy, createdAt, archivedAt, history, historyChanged } = chat;
    return {
      ...{ chatId: chat.id, tenantId: tenant, partition, kind, title, createdBy, createdAt, archivedAt },
      ...{ historyVisibility: history, historySequence: historyChanged, metadata: { ...chat.metadata } },
      archiveSequence: chat.archiveChanged,
      ...{ lastSequence: events.length, lastOrdinal: chat.messages.length, lastActivityAt: this.lastAt(chat) },
      ...{ memberCount: people.length, ownerCount: people.filter(({ role }) => role === 'owner').length },
      lastPosition: Math.max(chat.placedAt, events.at(-1)?.position ?? 0),
    };
  }

  member(chat: ModelChat, userId: string, person: Person): Member {
    const { role, mutedUntil, joinedAt, joined, readUpTo, gotUpTo, hiddenAt } = person;
    const { log } = this.world;
    const last = log.findLastIndex(
      ({ type, chatId, actorId }) => OWN_MARKS.includes(type) && chatId === chat.id && actorId === userId,
    );
    const joining = log.findIndex(({ chatId, sequence }) => chatId === chat.id && sequence === joined);
    return {
      ...{ chatId: chat.id, userId, tenantId: chat.tenant, role: role as Member['role'], mutedUntil, joinedAt },
      ...{
        joinedSequence: joined,
        roleSequence: person.roleChanged,
        readSequence: readUpTo,
        deliveredSequence: gotUpTo,
        readPosition: last > joining ? (log[last]?.position ?? 0) : 0,
        hiddenOrdinal: hiddenAt,
      },
      readOrdinal: chat.messages.filter(({ sequence }) => sequence <= readUpTo).length,
    };
  }

  message(chat: ModelChat, message: ModelMessage, askedBy: string): MessageView {
    const { id, sequence, sender, commandId, sentAt, contentType, inReplyTo, thread, deleted, texts } = message;
    const { body, mentions, metadata, by, at } = presentText(message);
    const emojis = [...new Set(message.reactions.map(({ emoji }) => emoji))].sort();
    const said = { body, mentions, metadata: { ...metadata }, attachments: message.attachments };
    const erased = { body: null, mentions: [], metadata: {}, attachments: [] };
    const edited = texts.length > 1 ? { editedAt: at, editedBy: by } : { editedAt: null, editedBy: null };
    return {
      ...{
        chatId: chat.id,
        tenantId: chat.tenant,
        messageId: id,
        sequence,
        ordinal: chat.messages.indexOf(message) + 1,
      },
      ...{ senderId: sender, commandId, createdAt: sentAt, contentType, inReplyTo, threadRootId: thread },
      ...{ revision: texts.length, ...edited, deletedAt: deleted?.at ?? null },
      ...((deleted === null ? said : erased) as Pick<MessageView, 'body' | 'mentions' | 'metadata' | 'attachments'>),
      reactionKinds: emojis.length,
      reactions: emojis.map((emoji) => {
        const users = message.reactions.filter((reaction) => reaction.emoji === emoji).map(({ user }) => user);
        return { emoji, count: users.length, mine: users.includes(askedBy) };
      }),
    };
  }
}
