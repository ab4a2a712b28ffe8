import type { Chat, Member } from '../../domain/chat.js';
import { type DomainEvent, withoutErasedText } from '../../domain/event.js';
import { membershipStatesEndedBy } from '../../domain/membership-state.js';
import type { Message, MessageReference, Reaction } from '../../domain/message.js';
import type { User } from '../../domain/user.js';
import { countedAs, NO_CHATS, type UserChats } from '../../domain/user-chats.js';
import type { Webhook } from '../../domain/webhook.js';
import {
  type BatchSnapshot,
  type BatchWrites,
  memberKey,
  type ReactorKey,
  type ReceiptKey,
  type ReceiptRecord,
  receiptKey,
  type StoredReceipt,
  type UserChatsChange,
  type UserKey,
  userKey,
  type WebhookKey,
  webhookKey,
} from '../ports/store/command-store.js';
import type { DecisionRecord } from '../ports/store/decision-record.js';
import type { LoggedEvent } from '../ports/store/log/event-log.js';
import { MessageState } from './message-state.js';

/** The command that caused an event. */
export interface Cause {
  /** The partition that the command came to, whose log gets the event. */
  partition: number;
  tenantId: string;
  actorId: string;
  commandId: string;
  traceparent: string | null;
  tracestate: string | null;
}

/** The state of the snapshot while a batch is decided, command by command, and its net changes to write at the end. */
export class BatchState {
  private readonly chats = new Map<string, { chat: Chat; isNew: boolean }>();
  private readonly members = new Map<string, Member>();
  private readonly membersRemoved = new Map<string, BatchWrites['membersRemoved'][number]>();
  private readonly userChatsChanged = new Map<string, UserChatsChange>();
  private readonly membershipStatesEnded = new Map<string, BatchWrites['membershipStatesEnded'][number]>();
  private readonly users = new Map<string, User>();
  /** By `webhookKey`: the new state. Null: deleted. */
  private readonly webhooks = new Map<string, { key: WebhookKey; webhook: Webhook | null }>();
  private readonly messages: MessageState;
  private readonly receipts = new Map<string, ReceiptRecord>();
  private readonly events: LoggedEvent[] = [];
  /** By partition: the last used position, if a command of this batch has used one. */
  private readonly lastPositions = new Map<number, number>();
  private readonly decisions: DecisionRecord[] = [];

  constructor(
    private readonly snapshot: BatchSnapshot,
    readonly now: Date,
    private readonly userChatsMax: number,
  ) {
    this.messages = new MessageState(snapshot);
  }

  /** The position that the next event of the partition gets. The partition must be in the snapshot. */
  nextPosition(partition: number): number {
    const last = this.lastPositions.get(partition) ?? this.snapshot.positions.get(partition);
    if (last === undefined) throw new Error(`partition ${partition} is not in the snapshot`);
    return last + 1;
  }

  chat(chatId: string): Chat | undefined {
    return this.chats.get(chatId)?.chat ?? this.snapshot.chats.get(chatId);
  }

  member(chatId: string, userId: string): Member | undefined {
    const key = memberKey({ chatId, userId });
    return this.membersRemoved.has(key) ? undefined : (this.members.get(key) ?? this.snapshot.members.get(key));
  }

  /** The mutes with which these users last left the chat. Each of them must be in `SnapshotKeys.formerMutes`. */
  formerMutes(chatId: string, userIds: readonly string[]): Map<string, Date> {
    const found = new Map<string, Date>();
    for (const userId of userIds) {
      const key = memberKey({ chatId, userId });
      const departure = this.membersRemoved.get(key);
      const mutedUntil = departure === undefined ? this.snapshot.formerMutes.get(key) : departure.mutedUntil;
      if (mutedUntil) found.set(userId, mutedUntil);
    }
    return found;
  }

  user(tenantId: string, userId: string): User | undefined {
    const key = userKey({ tenantId, userId });
    return this.users.get(key) ?? this.snapshot.users.get(key);
  }

  /** The tenant must be in `SnapshotKeys.webhookTenants`. */
  webhook(tenantId: string, webhookId: string): Webhook | undefined {
    const key = webhookKey({ tenantId, webhookId });
    const changed = this.webhooks.get(key);
    return changed === undefined ? this.snapshot.webhooks.get(key) : (changed.webhook ?? undefined);
  }

  /** Likewise. */
  webhookCount(tenantId: string): number {
    const keys = new Set<string>();
    for (const [key, webhook] of this.snapshot.webhooks) if (webhook.tenantId === tenantId) keys.add(key);
    for (const [key, changed] of this.webhooks)
      if (changed.key.tenantId === tenantId) {
        if (changed.webhook === null) keys.delete(key);
        else keys.add(key);
      }
    return keys.size;
  }

  /** The user must be in `SnapshotKeys.userChats`. */
  userChats(user: UserKey): UserChats {
    const key = userKey(user);
    const before = this.snapshot.userChats.get(key) ?? NO_CHATS;
    const change = this.userChatsChanged.get(key) ?? NO_CHATS;
    return { created: before.created + change.created, joined: before.joined + change.joined };
  }

  message(messageId: string): MessageReference | undefined {
    return this.messages.reference(messageId);
  }

  messageInFull(messageId: string): Message | undefined {
    return this.messages.inFull(messageId);
  }

  hasReaction(reaction: Reaction): boolean {
    return this.messages.hasReaction(reaction);
  }

  /** The number of different emoji on the message, and whether this emoji is one of them. */
  emojiOfMessage(key: Pick<Reaction, 'messageId' | 'emoji'>): { count: number; includesThis: boolean } {
    return this.messages.emojiOfMessage(key);
  }

  /** The number of different emoji that the user has put on the message. */
  emojiOfReactor(key: ReactorKey): number {
    return this.messages.emojiOfReactor(key);
  }

  /** The number of messages of the chat with a sequence of at most `upTo`: the ordinal of a read mark. */
  ordinalAt(chat: Chat, upTo: number): number {
    return upTo >= chat.lastSequence ? chat.lastOrdinal : this.messages.ordinalAt(chat.chatId, upTo);
  }

  receipt(key: ReceiptKey): StoredReceipt | undefined {
    return this.receipts.get(receiptKey(key)) ?? this.snapshot.receipts.get(receiptKey(key));
  }

  putChat(chat: Chat): void {
    const isNew = this.chats.get(chat.chatId)?.isNew ?? !this.snapshot.chats.has(chat.chatId);
    this.chats.set(chat.chatId, { chat, isNew });
  }

  /** Changes an existing member. Use `addMember` for a new one. */
  putMember(member: Member): void {
    this.members.set(memberKey(member), member);
  }

  addMember(chat: Chat, member: Member): void {
    this.putMember(member);
    this.membersRemoved.delete(memberKey(member));
    this.countChat(chat, member, 1);
  }

  /** Must be called before the event about it is appended. */
  removeMember({ partition }: Cause, chat: Chat, member: Member): void {
    const { tenantId, chatId, userId, mutedUntil } = member;
    const key = memberKey(member);
    this.members.delete(key);
    this.countChat(chat, member, -1);
    this.membersRemoved.set(key, {
      ...{ tenantId, chatId, userId, mutedUntil, partition },
      position: this.nextPosition(partition),
    });
  }

  /** `chat` and `member` are as they were before the event with this sequence. */
  endMembershipState(sequence: number, chat: Chat, member: Member): void {
    const { tenantId, chatId, userId } = member;
    for (const ended of membershipStatesEndedBy(sequence, chat, member))
      this.membershipStatesEnded.set(`${memberKey(member)} ${ended.state}`, { tenantId, chatId, userId, ...ended });
  }

  putUser(user: User): void {
    this.users.set(userKey(user), user);
  }

  putWebhook(webhook: Webhook): void {
    const { tenantId, webhookId } = webhook;
    this.webhooks.set(webhookKey(webhook), { key: { tenantId, webhookId }, webhook });
  }

  removeWebhook({ tenantId, webhookId }: WebhookKey): void {
    const key = { tenantId, webhookId };
    this.webhooks.set(webhookKey(key), { key, webhook: null });
  }

  addMessage(message: Message): void {
    this.messages.add(message);
  }

  editMessage(edited: Parameters<MessageState['edit']>[0]): void {
    this.messages.edit(edited);
  }

  /** Removes the text also from events and messages of this batch. */
  eraseMessage(erased: Message): void {
    this.messages.erase(erased);
    this.forgetText(erased);
  }

  removeMessage(message: Message): void {
    this.forgetText(this.messages.remove(message));
  }

  putReaction(reaction: Reaction, present: boolean): void {
    this.messages.putReaction(reaction, present, this.now);
  }

  putDecision(record: DecisionRecord): void {
    this.decisions.push(record);
  }

  putReceipt(record: ReceiptRecord): void {
    this.receipts.set(receiptKey(record), record);
  }

  /** `chat` already has the new sequence for this event, unless the event has no sequence (`chat.read`). */
  appendEvent(cause: Cause, event: DomainEvent, chat: Chat | null, hasNumber = chat !== null): void {
    const { partition } = cause;
    const position = this.nextPosition(partition);
    this.lastPositions.set(partition, position);
    if (chat !== null && hasNumber) chat.lastPosition = position;
    this.events.push({
      partition,
      position,
      tenantId: cause.tenantId,
      chatId: chat?.chatId ?? null,
      sequence: hasNumber ? (chat?.lastSequence ?? null) : null,
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
    return {
      users: [...this.users].map(([key, user]) => ({
        user,
        previousRevision: this.snapshot.users.get(key)?.revision ?? 0,
      })),
      webhooks: [...this.webhooks].flatMap(([name, { key, webhook }]) => {
        const previousRevision = this.snapshot.webhooks.get(name)?.revision ?? 0;
        // Created and deleted in the same batch.
        return webhook === null && previousRevision === 0 ? [] : [{ ...key, webhook, previousRevision }];
      }),
      chatsCreated: chats.filter(({ isNew }) => isNew).map(({ chat }) => chat),
      chatsChanged: chats.filter(({ isNew }) => !isNew).map(({ chat }) => chat),
      membersPut: [...this.members.values()],
      membersRemoved: [...this.membersRemoved.values()],
      userChats: {
        changes: [...this.userChatsChanged.values()].filter(({ created, joined }) => created !== 0 || joined !== 0),
        max: this.userChatsMax,
      },
      membershipStatesEnded: [...this.membershipStatesEnded.values()],
      ...this.messages.writes(),
      events: this.events,
      receipts: [...this.receipts.values()],
      decisions: this.decisions,
    };
  }

  private countChat(chat: Chat, { tenantId, userId }: Member, by: 1 | -1): void {
    const count = countedAs(chat, userId);
    if (count === null) return;
    const key = userKey({ tenantId, userId });
    const change = this.userChatsChanged.get(key) ?? { tenantId, userId, ...NO_CHATS };
    this.userChatsChanged.set(key, { ...change, [count]: change[count] + by });
  }

  private forgetText(message: Message): void {
    const erased = new Map([[message.messageId, message]]);
    for (const logged of this.events) logged.event = withoutErasedText(logged.event, erased);
  }
}
