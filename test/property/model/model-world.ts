/**
 * What the model knows, kept as plainly as can be: nothing is counted that could be counted anew, nothing is stored
 * twice.
 */
import type { Command, DeleteMode } from '../../../src/contract/messages/commands.js';

/** One command as plain data; a later one with the same actor, tenant and id is a repeat. */
export type ModelCommand = (Command | ({ type: 'message.shout'; chatId: string; data: object } & About)) & {
  /** False: the actor is not proven. */
  isAuthenticated: boolean;
  /** Whether the broker has checked who publishes it. */
  knownProducer: boolean;
};
export type ModelCommandOf<T extends ModelCommand['type']> = Extract<ModelCommand, { type: T }>;

interface About {
  commandId: string;
  tenantId: string;
  actorId: string;
}

export interface ModelAnswer {
  /** `accepted` or the code of the refusal. */
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
  /** The number of the event that last gave another role; 0: none has here. */
  roleChanged: number;
  readUpTo: number;
  /** How many messages there were when the person hid the chat; null: it is not hidden. */
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
  /** All it ever said, the present one last. */
  texts: Text[];
  reactions: { emoji: string; user: string }[];
  deleted: { mode: DeleteMode; at: Date } | null;
}

export interface ModelChat {
  id: string;
  tenant: string;
  /** Where its commands are decided; null: nowhere yet since it was moved here. */
  partition: number | null;
  /**
   * The position that came next in the partition's log when a chat that was moved here came to it; 0: it was made here.
   */
  placedAt: number;
  kind: 'direct' | 'group' | 'channel';
  title: string | null;
  metadata: object;
  history: 'full' | 'since-joined';
  historyChanged: number;
  createdBy: string;
  createdAt: Date;
  archivedAt: Date | null;
  /** The number of the event that last archived it or brought it back; 0: none has here. */
  archiveChanged: number;
  people: Map<string, Person>;
  /** All that were ever sent, in order. */
  messages: ModelMessage[];
}

/**
 * One line of the log: the event's type and what its data says, but for a text, which is told as it stands when it is
 * told.
 */
export interface ModelEvent extends About {
  type: string;
  at: Date;
  /** Where it stands; null and 0: in another store's log, from which the chat was moved here. */
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
  revision: number;
  createdAt: Date;
  updatedAt: Date;
}

export class ModelWorld {
  now = new Date('2025-06-01T12:00:00.123Z');
  /** Where commands are being decided. */
  partition = 0;
  /** In all stores in which this world's chats have been. */
  messagesSent = 0;
  readonly chats = new Map<string, ModelChat>();
  /** By tenant and user. */
  readonly profiles = new Map<string, Profile>();
  /** Of all partitions, in the order of the commits. */
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

  /** What is left of it. */
  presentLogOf(partition: number): ModelEvent[] {
    return this.logOf(partition).filter((event) => !this.pruned.has(event));
  }

  /** @returns how many events of rejected commands go */
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

  /** Tells what the command did to its chat; the number it takes. */
  happened(command: ModelCommand, type: string, data: object, told: ModelEvent['told'] = null): number {
    const sequence = this.lastSequence(command.chatId ?? '') + 1;
    this.put(command, { type, chatId: command.chatId, sequence, data, told });
    return sequence;
  }

  /** … what takes no number. */
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

/** Whether the person has hidden the chat, and nothing has been said since. */
export function hides(chat: ModelChat, { hiddenAt }: Person): boolean {
  return hiddenAt === chat.messages.length;
}

/** The first number that the person may see. */
export function floor(chat: ModelChat, { joined }: Person): number {
  return chat.history === 'full' ? 1 : joined;
}

export function isThere({ deleted }: ModelMessage): boolean {
  return deleted?.mode !== 'hard';
}

/** What there is to be seen of a chat's messages. */
export function seen(chat: ModelChat, person: Person): ModelMessage[] {
  return chat.messages.filter((message) => isThere(message) && message.sequence >= floor(chat, person));
}

export function presentText(message: ModelMessage): Text {
  return message.texts.at(-1) as Text;
}
