/** The state of the model, as simple as possible: no counters and no redundant data. */
import type { Command, DeleteMode } from '../../../src/contract/messages/commands.js';

/** One command as plain data. A later one with the same actor, tenant and id is a repeat. */
export type ModelCommand = (Command | ({ type: 'message.shout'; chatId: string; data: object } & About)) & {
  /** False: the actor is not authenticated. */
  isAuthenticated: boolean;
  /** Whether the broker has checked the producer's user id. */
  knownProducer: boolean;
};
export type ModelCommandOf<T extends ModelCommand['type']> = Extract<ModelCommand, { type: T }>;

interface About {
  commandId: string;
  tenantId: string;
  actorId: string;
}

export interface ModelAnswer {
  /** `accepted`, or the code of the refusal. */
  outcome: string;
  sequence: number | null;
  messageId: string | null;
  replayed: boolean;
}

export interface Person {
  role: string;
  mutedUntil: Date | null;
  joinedAt: Date;
  joined: number;
  /** The sequence of the event that last changed the role. 0: none in this store. */
  roleChanged: number;
  readUpTo: number;
  /** The delivery mark. 0: none. */
  gotUpTo: number;
  /** The number of messages when the person hid the chat. Null: not hidden. */
  hiddenAt: number | null;
}

export interface Text {
  body: string;
  mentions: string[];
  metadata: object;
  by: string;
  at: Date;
}

export interface ModelMessage {
  id: string;
  sequence: number;
  sender: string;
  commandId: string;
  sentAt: Date;
  contentType: string;
  inReplyTo: string | null;
  thread: string | null;
  attachments: object[];
  /** All revisions, the present one last. */
  texts: Text[];
  reactions: { emoji: string; user: string }[];
  deleted: { mode: DeleteMode; at: Date } | null;
}

export interface ModelChat {
  id: string;
  tenant: string;
  /** The chat's partition. Null: not assigned since it was moved here. */
  partition: number | null;
  /** The next position of the partition's log when a moved chat was assigned. 0: created here. */
  placedAt: number;
  kind: 'direct' | 'group' | 'channel';
  title: string | null;
  metadata: object;
  history: 'full' | 'since-joined';
  historyChanged: number;
  createdBy: string;
  createdAt: Date;
  archivedAt: Date | null;
  /** The sequence of the event that last archived or restored it. 0: none in this store. */
  archiveChanged: number;
  people: Map<string, Person>;
  /** End of the mute at the last leaving, by user: also of users who have joined again. */
  mutesOfLeavers: Map<string, Date | null>;
  /** All messages ever sent, in order. */
  messages: ModelMessage[];
}

/** One event of the log: its type and data. Texts are read when it is rendered. */
export interface ModelEvent extends About {
  type: string;
  at: Date;
  /** Partition and position. Null and 0: in the log of another store, from which the chat was moved. */
  partition: number | null;
  position: number;
  chatId: string | null;
  sequence: number | null;
  data: object;
  told: { message: ModelMessage; revision: number } | null;
}

export interface Profile {
  displayName: string;
  avatarUrl: string | null;
  kind: string;
  metadata: object;
  presence: string;
  revision: number;
  createdAt: Date;
  updatedAt: Date;
}

export class ModelWorld {
  now = new Date('2025-06-01T12:00:00.123Z');
  /** The partition that decides at present. */
  partition = 0;
  /** In all stores that had the chats. */
  messagesSent = 0;
  readonly chats = new Map<string, ModelChat>();
  /** By tenant and user. */
  readonly profiles = new Map<string, Profile>();
  /** The log of all partitions, in the order of commits. */
  readonly log: ModelEvent[] = [];
  private readonly pruned = new Set<ModelEvent>();

  eventsOf(chatId: string): ModelEvent[] {
    return this.log.filter((event) => event.chatId === chatId && event.sequence !== null);
  }

  logOf(partition: number): ModelEvent[] {
    return this.log.filter((event) => event.partition === partition);
  }

  lastSequence(chatId: string): number {
    return this.eventsOf(chatId).length;
  }

  /** The remaining log. */
  presentLogOf(partition: number): ModelEvent[] {
    return this.logOf(partition).filter((event) => !this.pruned.has(event));
  }

  /** @returns the number of pruned events */
  prune(partition: number, through: number, before: Date): number {
    const old = this.presentLogOf(partition).filter(
      ({ type, position, at }) => type === 'command.rejected' && position <= through && at < before,
    );
    for (const event of old) this.pruned.add(event);
    return old.length;
  }

  get messages(): ModelMessage[] {
    return [...this.chats.values()].flatMap(({ messages }) => messages);
  }

  /** Appends an event with a sequence, and returns the sequence. */
  happened(command: ModelCommand, type: string, data: object, told: ModelEvent['told'] = null): number {
    const sequence = this.lastSequence(command.chatId ?? '') + 1;
    this.put(command, { type, chatId: command.chatId, sequence, data, told });
    return sequence;
  }

  /** Appends an event without a sequence. */
  happenedUnnumbered(command: ModelCommand, type: string, chatId: string | null, data: object): void {
    this.put(command, { type, chatId, sequence: null, data, told: null });
  }

  get nextPosition(): number {
    return this.logOf(this.partition).length + 1;
  }

  private put(
    { commandId, tenantId, actorId }: ModelCommand,
    what: Pick<ModelEvent, 'type' | 'chatId' | 'sequence' | 'data' | 'told'>,
  ): void {
    const { partition, nextPosition: position, now: at } = this;
    this.log.push({ ...what, commandId, tenantId, actorId, partition, position, at });
  }
}

/** Whether the chat is hidden: it has no new message since the person hid it. */
export function hides(chat: ModelChat, { hiddenAt }: Person): boolean {
  return hiddenAt === chat.messages.length;
}

/** The first sequence that the person may see. */
export function floor(chat: ModelChat, { joined }: Person): number {
  return chat.history === 'full' ? 1 : joined;
}

export function isThere({ deleted }: ModelMessage): boolean {
  return deleted?.mode !== 'hard';
}

/** The messages of a chat that the person may see. */
export function seen(chat: ModelChat, person: Person): ModelMessage[] {
  return chat.messages.filter((message) => isThere(message) && message.sequence >= floor(chat, person));
}

export function presentText(message: ModelMessage): Text {
  return message.texts.at(-1) as Text;
}
