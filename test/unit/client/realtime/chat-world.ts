/**
 * Chats as alice sees them, with the rules of sync (ADR 0008), written independently of the client: what a walk from
 * one cut to another gives her, what is pushed to her, and what she has in the end.
 */
import type { FeedEvent } from '../../../../src/client/realtime/feed.js';
import type { Role } from '../../../../src/contract/messages/commands.js';
import type { EventType } from '../../../../src/contract/messages/events.js';
import type { ServerFrameOf } from '../../../../src/contract/realtime/server-frames.js';
import type { RestChat } from '../../../../src/contract/rest/responses.js';
import { chatEvent, messageIdOf } from './events.js';

export const ALICE = 'alice';
const OTHERS = ['bob', 'carol', 'dave'];
const EMOJI = ['👍', '🌱'];
const START_MS = Date.parse('2026-11-20T20:00:00Z');

type Page = ServerFrameOf<'sync'>['page'];

interface WorldMessage {
  sequence: number;
  deleted: 'soft' | 'hard' | null;
  revision: number;
  reactions: Set<string>;
}

interface Logged {
  position: number;
  sequence: number | null;
  type: EventType;
  data: object;
  actorId: string;
  /** Of the message that it is about. */
  messageSequence: number | null;
}

interface WorldChat {
  chatId: string;
  /** Pushed as `changed`, unless it is open. */
  isLarge: boolean;
  title: string;
  visibility: 'full' | 'since-joined';
  archived: boolean;
  hidden: boolean;
  members: Map<string, Role>;
  messages: WorldMessage[];
  log: Logged[];
  lastSequence: number;
  lastActivityAt: string;
  joinedSequence: number;
  readSequence: number;
  /** Positions at which alice joined and left. */
  joinedAt: number;
  leftAt: number;
  /** The last event that sync shows, or that changes what it shows. */
  touchedAt: number;
}

export interface WorldEvent {
  position: number;
  chat: WorldChat;
  logged: Logged;
}

export interface Progress {
  from: number | null;
  walk: { to: number; chatId: string; nextSequence: number | null } | null;
}

export type Random = (below: number) => number;

export class ChatWorld {
  readonly chats: WorldChat[] = [];
  position = 0;
  /** A restored store has another one. */
  storeId = 1;
  onEvent: (event: WorldEvent) => void = () => undefined;

  constructor(private readonly random: Random) {}

  private get now(): string {
    return new Date(START_MS + this.position * 1_000).toISOString();
  }

  /** Something random happens. */
  step(): void {
    const mine = this.chats.filter(({ members }) => members.size > 0);
    const chat = mine[this.random(mine.length)];
    if (chat === undefined || (this.chats.length < 6 && this.random(15) === 0)) this.create();
    else this.change(chat);
  }

  create(): WorldChat {
    const number = this.chats.length;
    const withAlice = this.random(3) > 0;
    const chat: WorldChat = {
      ...{ chatId: `0199c1de-7c3a-7b1e-9a43-${String(number).padStart(12, '0')}`, isLarge: this.random(3) === 0 },
      ...{ title: `chat ${number}`, visibility: this.random(2) === 0 ? 'full' : 'since-joined', archived: false },
      ...{ hidden: false, members: new Map(), messages: [], log: [], lastSequence: 0, lastActivityAt: this.now },
      ...{ joinedSequence: 0, readSequence: 0, joinedAt: 0, leftAt: 0, touchedAt: 0 },
    };
    this.chats.push(chat);
    const members = [
      { userId: 'bob', role: 'owner' as Role },
      ...(withAlice ? [{ userId: ALICE, role: 'member' as Role }] : []),
    ];
    for (const { userId, role } of members) chat.members.set(userId, role);
    if (withAlice) this.joined(chat);
    this.log(chat, 'chat.created', { ...this.stateOf(chat), members }, 'bob');
    return chat;
  }

  private change(chat: WorldChat): void {
    const members = [...chat.members.keys()];
    const actor = members[this.random(members.length)] ?? 'bob';
    const message = chat.messages[this.random(chat.messages.length)];
    switch (this.random(16)) {
      case 0:
        this.edit(chat, message);
        return;
      case 1:
        this.remove(chat, message, this.random(2) === 0 ? 'soft' : 'hard');
        return;
      case 2:
      case 3:
        this.react(chat, message, actor, EMOJI[this.random(EMOJI.length)] ?? '');
        return;
      case 4:
        this.member(chat, OTHERS[this.random(OTHERS.length)] ?? 'bob');
        return;
      case 5:
        if (this.random(2) === 0) this.member(chat, ALICE);
        else this.role(chat);
        return;
      case 6:
        chat.title = `title ${this.position}`;
        this.log(chat, 'chat.updated', this.stateOf(chat), actor);
        return;
      case 7:
        chat.archived = !chat.archived;
        this.log(chat, chat.archived ? 'chat.archived' : 'chat.unarchived', {}, actor);
        return;
      case 8:
        this.read(chat, ALICE);
        return;
      case 9:
        this.read(chat, 'bob');
        return;
      case 10:
        if (!chat.members.has(ALICE)) return;
        chat.hidden = !chat.hidden;
        this.log(chat, chat.hidden ? 'chat.hidden' : 'chat.unhidden', {}, ALICE, null);
        return;
      default:
        this.send(chat, actor);
    }
  }

  send(chat: WorldChat, senderId: string): void {
    const sequence = chat.lastSequence + 1;
    chat.messages.push({ sequence, deleted: null, revision: 1, reactions: new Set() });
    chat.lastActivityAt = this.now;
    chat.hidden = false;
    if (senderId === ALICE) chat.readSequence = sequence;
    this.log(
      chat,
      'message.created',
      this.messageData(chat, sequence, senderId, `text ${sequence}`),
      senderId,
      sequence,
      sequence,
    );
  }

  private messageData({ chatId }: WorldChat, sequence: number, senderId: string, body: string): object {
    return {
      ...{ messageId: messageIdOf(chatId, sequence), senderId, body, contentType: 'text/markdown', inReplyTo: null },
      ...{ threadRootId: null, mentions: ['bob'], attachments: [], metadata: { a: 1 }, createdAt: this.now },
    };
  }

  private edit(chat: WorldChat, message: WorldMessage | undefined): void {
    if (message === undefined || message.deleted !== null) return;
    message.revision += 1;
    const data = { body: `revision ${message.revision}`, mentions: [], metadata: {}, revision: message.revision };
    this.about(chat, message, 'message.edited', { ...data, editedAt: this.now });
  }

  private remove(chat: WorldChat, message: WorldMessage | undefined, mode: 'soft' | 'hard'): void {
    if (message === undefined || message.deleted !== null) return;
    message.deleted = mode;
    if (mode === 'hard') message.reactions.clear();
    this.about(chat, message, 'message.deleted', { mode, deletedAt: this.now });
  }

  private react(chat: WorldChat, message: WorldMessage | undefined, userId: string, emoji: string): void {
    if (message === undefined || message.deleted !== null) return;
    const reaction = `${emoji} ${userId}`;
    const isNew = !message.reactions.delete(reaction);
    if (isNew) message.reactions.add(reaction);
    this.about(chat, message, isNew ? 'message.reacted' : 'message.unreacted', { emoji, userId });
  }

  private about(chat: WorldChat, { sequence }: WorldMessage, type: EventType, data: object): void {
    const messageId = messageIdOf(chat.chatId, sequence);
    this.log(chat, type, { messageId, messageSequence: sequence, ...data }, 'bob', undefined, sequence);
  }

  private member(chat: WorldChat, userId: string): void {
    if (chat.members.has(userId)) {
      if (chat.members.size === 1) return;
      if (userId === ALICE) chat.leftAt = this.position + 1;
      this.log(chat, 'member.removed', { userId, left: true }, userId, undefined, null, () =>
        chat.members.delete(userId),
      );
      return;
    }
    chat.members.set(userId, 'member');
    if (userId === ALICE) this.joined(chat);
    this.log(chat, 'member.added', { members: [{ userId, role: 'member' }] }, 'bob');
  }

  private joined(chat: WorldChat): void {
    chat.joinedSequence = chat.lastSequence + 1;
    chat.readSequence = chat.lastSequence;
    chat.joinedAt = this.position + 1;
    chat.hidden = false;
  }

  private role(chat: WorldChat): void {
    const role = chat.members.get(ALICE) === 'member' ? 'admin' : 'member';
    if (!chat.members.has(ALICE)) return;
    chat.members.set(ALICE, role);
    this.log(chat, 'member.updated', { userId: ALICE, role, mutedUntil: null }, 'bob');
  }

  private read(chat: WorldChat, userId: string): void {
    if (!chat.members.has(userId) || chat.lastSequence === 0) return;
    const upTo = 1 + this.random(chat.lastSequence);
    if (userId === ALICE) {
      if (upTo <= chat.readSequence) return;
      chat.readSequence = upTo;
    }
    this.log(chat, 'chat.read', { userId, upTo }, userId, null, upTo);
  }

  private stateOf({ title, visibility }: WorldChat) {
    return { kind: 'group', title, historyVisibility: visibility, metadata: {} };
  }

  private log(
    chat: WorldChat,
    type: EventType,
    data: object,
    actorId: string,
    sequence: number | null = chat.lastSequence + 1,
    messageSequence: number | null = null,
    after: () => void = () => undefined,
  ): void {
    this.position += 1;
    if (sequence !== null) chat.lastSequence = sequence;
    const logged: Logged = { position: this.position, sequence, type, data, actorId, messageSequence };
    if (sequence !== null) chat.log.push(logged);
    if (sequence !== null || actorId === ALICE) chat.touchedAt = this.position;
    this.onEvent({ position: this.position, chat, logged });
    after();
  }

  firstVisible({ visibility, joinedSequence }: WorldChat): number {
    return visibility === 'full' ? 1 : joinedSequence;
  }

  /** The event as alice may see it now. */
  render(chat: WorldChat, { type, sequence, data, actorId, messageSequence }: Logged): FeedEvent {
    const message = chat.messages.find((candidate) => candidate.sequence === messageSequence);
    const isInvisible = messageSequence !== null && messageSequence < this.firstVisible(chat);
    const isErased = message !== undefined && message.deleted !== null;
    const hidden = (() => {
      if (type === 'message.created' && isErased) {
        const erased = { body: null, mentions: [], attachments: [], metadata: {}, erased: true };
        return message.deleted === 'hard' ? { ...erased, contentType: 'text/plain' } : erased;
      }
      if (type === 'message.edited' && (isErased || isInvisible))
        return { body: null, mentions: [], metadata: {}, erased: true };
      if ((type === 'message.reacted' || type === 'message.unreacted') && isInvisible)
        return { emoji: null, erased: true };
      return {};
    })();
    return chatEvent(type, chat.chatId, sequence, { ...data, ...hidden }, actorId);
  }

  chatOf(chat: WorldChat): RestChat {
    const role = chat.members.get(ALICE) ?? 'member';
    const { chatId, title, archived, hidden, members, lastSequence, lastActivityAt, readSequence, joinedSequence } =
      chat;
    return {
      ...{ chatId, title, archived, hidden, memberCount: members.size, role, lastSequence, lastActivityAt },
      ...{ kind: 'group', historyVisibility: chat.visibility, metadata: {}, createdAt: '', tenantId: 'default' },
      ...{ createdBy: 'bob', unreadCount: chat.messages.filter(({ sequence }) => sequence > readSequence).length },
      membership: { userId: ALICE, role, mutedUntil: null, joinedAt: '', joinedSequence, readSequence },
    } as RestChat;
  }

  /** The next page of a walk: at most `limit` items and events. */
  page({ from, walk }: Progress, limit: number): { page: Omit<Page, 'next'>; progress: Progress } {
    const to = walk?.to ?? this.position;
    const items: Page['items'] = [];
    let room = limit;
    const sorted = [...this.chats].sort((a, b) => (a.chatId < b.chatId ? -1 : 1));
    for (const chat of sorted) {
      const { chatId } = chat;
      if (walk !== null && (chatId < walk.chatId || (chatId === walk.chatId && walk.nextSequence === null))) continue;
      const resumedAt = walk !== null && walk.chatId === chatId ? walk.nextSequence : null;
      if (room === 0)
        return {
          page: { items, hasMore: true },
          progress: { from, walk: { to, chatId, nextSequence: resumedAt ?? 0 } },
        };
      const isMember = chat.members.has(ALICE) && chat.joinedAt <= to;
      if (!isMember) {
        if (from !== null && chat.leftAt > from && chat.leftAt <= to && !chat.members.has(ALICE))
          items.push({ chatId, left: true });
        continue;
      }
      const begins = resumedAt === null || resumedAt === 0;
      const reset = begins && (from === null || chat.joinedAt > from);
      const first = Math.max(this.firstVisible(chat), resumedAt ?? 0);
      const isNew = ({ position }: Logged) => !begins || reset || position > (from ?? 0);
      const events = chat.log.filter(
        (logged) => logged.position <= to && (logged.sequence ?? 0) >= first && isNew(logged),
      );
      if (events.length === 0 && !reset && chat.touchedAt <= (from ?? 0)) continue;
      const part = events.slice(0, room);
      room -= part.length;
      items.push({
        chatId,
        reset,
        chat: this.chatOf(chat),
        events: part.map((logged) => this.render(chat, logged)) as never,
      });
      if (part.length < events.length) {
        const nextSequence = (part.at(-1)?.sequence ?? 0) + 1;
        return { page: { items, hasMore: true }, progress: { from, walk: { to, chatId, nextSequence } } };
      }
    }
    return { page: { items, hasMore: false }, progress: { from: to, walk: null } };
  }
}
