import { isOfChat } from '../../contract/messages/chatless-events.js';
import type { CloudEvent } from '../../contract/messages/events.js';
import { DELIVERY_FIELDS, type PushedEvent } from '../../contract/realtime/server-frames.js';
import { DEFAULT_CONTENT_TYPE } from '../../domain/message.js';

/** How a member sees an event: with its content, or without it, because it is about an earlier message. */
export type Seen = 'content' | 'hidden';

/** A message that has reached a client. Messages of the user's own are none. */
export interface Arrival {
  chatId: string;
  sequence: number;
}

/**
 * An event on its way to connections. All of them share it, and its JSON is made once. Erasing its text therefore
 * reaches every queue in which it waits.
 */
export class LiveEvent {
  private readonly json: Partial<Record<Seen, string>> = {};
  readonly chatId: string | null;
  readonly sequence: number | null;
  /** The sequence that decides who may see the content, as `contentSequence` of the domain. */
  readonly contentSequence: number;
  /** Of an event with a text. */
  readonly textOf: string | null;

  constructor(
    readonly partition: number,
    readonly position: number,
    readonly event: CloudEvent,
  ) {
    const { type, data } = event;
    this.chatId = isOfChat(event) ? event.data.chatId : null;
    this.sequence = isOfChat(event) ? event.data.sequence : null;
    this.contentSequence = contentSequenceOf(event) ?? this.sequence ?? 0;
    this.textOf = type === 'message.created' || type === 'message.edited' ? data.messageId : null;
  }

  /** For estimates; the bytes of non-ASCII texts are more. */
  get size(): number {
    return this.jsonAs('content').length;
  }

  /** A message of another user, which then has reached this one. */
  arrivalFor(userId: string): Arrival | null {
    const { type, data } = this.event;
    return type === 'message.created' && data.senderId !== userId
      ? { chatId: data.chatId, sequence: data.sequence }
      : null;
  }

  jsonAs(seen: Seen): string {
    const known = this.json[seen];
    if (known !== undefined) return known;
    const made = JSON.stringify(seen === 'content' ? pushed(this.event) : withoutContent(pushed(this.event)));
    this.json[seen] = made;
    return made;
  }

  /** The message was deleted: its text must not leave this process any more. */
  erase(mode: 'soft' | 'hard'): void {
    const { event } = this;
    if (event.type !== 'message.created' && event.type !== 'message.edited') return;
    Object.assign(event.data, { body: null, mentions: [], metadata: {}, erased: true });
    if (event.type === 'message.created') {
      event.data.attachments = [];
      if (mode === 'hard')
        Object.assign(event.data, { contentType: DEFAULT_CONTENT_TYPE, inReplyTo: null, threadRootId: null });
    }
    delete this.json.content;
    delete this.json.hidden;
  }
}

/** If a message is deleted later in the same batch, its text is not sent at all. */
export function eraseDeleted(batch: readonly LiveEvent[]): void {
  for (const [index, { event }] of batch.entries()) {
    if (event.type !== 'message.deleted') continue;
    for (const earlier of batch.slice(0, index))
      if (earlier.textOf === event.data.messageId) earlier.erase(event.data.mode);
  }
}

function contentSequenceOf({ type, data }: CloudEvent): number | null {
  switch (type) {
    case 'message.edited':
    case 'message.deleted':
    case 'message.reacted':
    case 'message.unreacted':
      return data.messageSequence;
    case 'chat.read':
    case 'chat.delivered':
      return data.upTo;
    default:
      return null;
  }
}

function pushed(event: CloudEvent): PushedEvent {
  const data: Record<string, unknown> = { ...event.data };
  for (const field of DELIVERY_FIELDS) delete data[field];
  return { ...event, data } as PushedEvent;
}

/** As sync shows the event to a member who may not see the message (`asSeenFrom` of the domain). */
function withoutContent(event: PushedEvent): PushedEvent {
  switch (event.type) {
    case 'message.edited':
      return { ...event, data: { ...event.data, body: null, mentions: [], metadata: {}, erased: true } };
    case 'message.deleted':
      return { ...event, data: { ...event.data, erased: true } };
    case 'message.reacted':
    case 'message.unreacted':
      return { ...event, data: { ...event.data, emoji: null, erased: true } };
    default:
      return event;
  }
}
