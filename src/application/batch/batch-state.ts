import type { Chat, Member } from '../../domain/chat.js';
import type { DomainEvent } from '../../domain/event.js';
import type { Message, MessageReference } from '../../domain/message.js';
import type { User } from '../../domain/user.js';
import {
  type BatchWrites,
  type Facts,
  memberKey,
  type ReceiptKey,
  type ReceiptRecord,
  receiptKey,
  type StoredReceipt,
  userKey,
} from '../ports/command-store.js';
import type { LoggedEvent } from '../ports/event-log.js';

/** Who caused an event. */
export interface Cause {
  tenantId: string;
  actorId: string;
  commandId: string;
  traceparent: string | null;
  tracestate: string | null;
}

/**
 * The facts as they change while a batch is decided, command by command, and the net effect to write at the end.
 */
export class BatchState {
  private readonly chats = new Map<string, { chat: Chat; isNew: boolean }>();
  private readonly members = new Map<string, { member: Member | null; chatId: string; userId: string }>();
  private readonly users = new Map<string, User>();
  private readonly messages = new Map<string, Message>();
  private readonly receipts = new Map<string, ReceiptRecord>();
  private readonly events: LoggedEvent[] = [];

  constructor(
    private readonly partition: number,
    private readonly facts: Facts,
    readonly now: Date,
  ) {}

  get ringUnsettled(): boolean {
    return this.facts.ringUnsettled;
  }

  chat(chatId: string): Chat | undefined {
    return this.chats.get(chatId)?.chat ?? this.facts.chats.get(chatId);
  }

  member(chatId: string, userId: string): Member | undefined {
    const key = memberKey({ chatId, userId });
    const changed = this.members.get(key);
    return changed === undefined ? this.facts.members.get(key) : (changed.member ?? undefined);
  }

  user(tenantId: string, userId: string): User | undefined {
    const key = userKey({ tenantId, userId });
    return this.users.get(key) ?? this.facts.users.get(key);
  }

  message(messageId: string): MessageReference | undefined {
    return this.messages.get(messageId) ?? this.facts.messages.get(messageId);
  }

  receipt(key: ReceiptKey): StoredReceipt | undefined {
    return this.receipts.get(receiptKey(key)) ?? this.facts.receipts.get(receiptKey(key));
  }

  putChat(chat: Chat): void {
    const isNew = this.chats.get(chat.chatId)?.isNew ?? !this.facts.chats.has(chat.chatId);
    this.chats.set(chat.chatId, { chat, isNew });
  }

  putMember(member: Member): void {
    this.members.set(memberKey(member), { member, chatId: member.chatId, userId: member.userId });
  }

  removeMember({ chatId, userId }: Member): void {
    this.members.set(memberKey({ chatId, userId }), { member: null, chatId, userId });
  }

  putUser(user: User): void {
    this.users.set(userKey(user), user);
  }

  putMessage(message: Message): void {
    this.messages.set(message.messageId, message);
  }

  putReceipt(record: ReceiptRecord): void {
    this.receipts.set(receiptKey(record), record);
  }

  appendEvent(cause: Cause, event: DomainEvent, chat: Chat | null): void {
    this.events.push({
      partition: this.partition,
      position: this.facts.position + this.events.length + 1,
      tenantId: cause.tenantId,
      chatId: chat?.chatId ?? null,
      sequence: chat?.lastSequence ?? null,
      actorId: cause.actorId,
      commandId: cause.commandId,
      at: this.now,
      event,
      traceparent: cause.traceparent,
      tracestate: cause.tracestate,
    });
  }

  writes(): BatchWrites {
    const chats = [...this.chats.values()];
    const members = [...this.members.values()];
    return {
      users: [...this.users].map(([key, user]) => ({
        user,
        previousRevision: this.facts.users.get(key)?.revision ?? 0,
      })),
      chatsCreated: chats.filter(({ isNew }) => isNew).map(({ chat }) => chat),
      chatsChanged: chats.filter(({ isNew }) => !isNew).map(({ chat }) => chat),
      membersPut: members.flatMap(({ member }) => (member === null ? [] : [member])),
      membersRemoved: members.filter(({ member }) => member === null).map(({ chatId, userId }) => ({ chatId, userId })),
      messages: [...this.messages.values()],
      events: this.events,
      receipts: [...this.receipts.values()],
    };
  }
}
