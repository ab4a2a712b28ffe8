/**
 * Rows of the log. What an event has beyond its columns is its payload. A message's text is read from the message if it
 * still has the event's revision, otherwise from that revision. A deleted message has no text.
 */
import type { LoggedEvent } from '../../../../application/ports/store/log/event-log.js';
import type { DomainEvent, DomainEventType } from '../../../../domain/event.js';
import { type Message, messageOfStub } from '../../../../domain/message.js';
import { DEFAULT_PRESENCE, type Profile } from '../../../../domain/user.js';
import { Prisma } from '../generated/client.js';
import { MESSAGE_CONTENT_COLUMNS, type MessageRow, toMessage } from '../rows.js';

/** Used as the id of a message of which not even a stub is left. */
const NO_MESSAGE_ID = '00000000-0000-0000-0000-000000000000';

interface EventColumns {
  partition: number;
  position: number;
  type: DomainEventType;
  tenantId: string;
  chatId: string | null;
  sequence: number | null;
  actorId: string;
  commandId: string;
  at: number;
  payload: string | null;
  traceparent: string | null;
  tracestate: string | null;
}

/** The text of the event's revision, if the message has a later one. */
interface EarlierText {
  earlierBody: string | null;
  earlierMentions: string | null;
  earlierMetadata: string | null;
}

type NoMessage = { messageId: null; removedMessageId: string | null };
type MessageContent = Omit<MessageRow, 'chatId' | 'sequence' | 'tenantId'>;
export type EventRow = EventColumns & EarlierText & (NoMessage | MessageContent);

/** The reference from a `message.edited` event to its text. */
interface EditPayload {
  messageId: string;
  /** The message's own sequence, which is the key of its row. */
  messageSequence: number;
  revision: number;
}

/** Columns of `EVENTS_WITH_MESSAGES`. */
export const EVENT_COLUMNS = Prisma.sql`e.partition, e.position::float8 AS position, e.type, e.tenant_id AS "tenantId",
  e.chat_id::text AS "chatId", e.sequence::float8 AS sequence, e.actor_id AS "actorId", e.command_id AS "commandId",
  (extract(epoch FROM e.at) * 1000)::float8 AS at, e.payload::text AS payload, e.traceparent, e.tracestate,
  ${MESSAGE_CONTENT_COLUMNS}, d.message_id::text AS "removedMessageId",
  v.body AS "earlierBody", v.mentions::text AS "earlierMentions", v.metadata::text AS "earlierMetadata"`;
/**
 * Messages are looked up by key for each event. A join could read all messages of a large chat for a few of its events.
 */
export const EVENTS_WITH_PRESENT_MESSAGES = Prisma.sql`chat_events e
  LEFT JOIN LATERAL (
    SELECT * FROM messages WHERE chat_id = e.chat_id AND sequence = CASE e.type
      WHEN 'message.created' THEN e.sequence WHEN 'message.edited' THEN (e.payload->>'messageSequence')::int8 END
    LIMIT 1) g ON TRUE`;
export const EVENTS_WITH_MESSAGES = Prisma.sql`${EVENTS_WITH_PRESENT_MESSAGES}
  LEFT JOIN LATERAL (
    SELECT * FROM message_revisions WHERE message_id = g.message_id AND revision < g.revision AND revision = CASE e.type
      WHEN 'message.created' THEN 1 WHEN 'message.edited' THEN (e.payload->>'revision')::int4 END
    LIMIT 1) v ON TRUE
  LEFT JOIN LATERAL (
    SELECT * FROM removed_messages WHERE g.chat_id IS NULL AND e.type = 'message.created'
      AND chat_id = e.chat_id AND sequence = e.sequence
    LIMIT 1) d ON TRUE`;

export function toPayload(event: DomainEvent): string | null {
  if (event.type === 'message.created') return null;
  if (event.type === 'message.edited') {
    const { messageId, sequence, revision } = event.message;
    return JSON.stringify({ messageId, messageSequence: sequence, revision } satisfies EditPayload);
  }
  const { type: _column, ...payload } = event;
  return JSON.stringify(payload);
}

export function toLoggedEvent(row: EventRow): LoggedEvent {
  return {
    partition: row.partition,
    position: row.position,
    tenantId: row.tenantId,
    chatId: row.chatId,
    sequence: row.sequence,
    actorId: row.actorId,
    commandId: row.commandId,
    at: new Date(row.at),
    event: toDomainEvent(row),
    traceparent: row.traceparent,
    tracestate: row.tracestate,
  };
}

function toDomainEvent(row: EventRow): DomainEvent {
  if (row.type === 'message.created') return { type: row.type, message: messageCreated(row) };
  const payload: unknown = JSON.parse(row.payload ?? 'null');
  if (row.type === 'message.edited') return { type: row.type, message: messageEdited(row, payload as EditPayload) };
  const event = { type: row.type, ...(payload as object) } as DomainEvent;
  if (event.type === 'user.upserted') return { type: event.type, user: reviveUser(event.user) };
  // The first release did not store it: all members saw the whole history.
  if (event.type === 'chat.created') return { ...event, historyVisibility: event.historyVisibility ?? 'full' };
  return event;
}

function messageCreated(row: EventRow): Message {
  const chatId = row.chatId ?? '';
  const sequence = row.sequence ?? 0;
  if (row.messageId === null) return gone(row, row.removedMessageId ?? NO_MESSAGE_ID, sequence);
  const message = withEarlierText(row, toMessage({ ...row, chatId, sequence }));
  return { ...message, revision: 1, editedAt: null, editedBy: null };
}

function messageEdited(row: EventRow, { messageId, messageSequence, revision }: EditPayload): Message {
  const message =
    row.messageId === null
      ? gone(row, messageId, messageSequence)
      : withEarlierText(row, toMessage({ ...row, chatId: row.chatId ?? '', sequence: messageSequence }));
  return { ...message, revision, editedAt: new Date(row.at), editedBy: row.actorId };
}

function withEarlierText({ earlierBody, earlierMentions, earlierMetadata }: EarlierText, message: Message): Message {
  if (earlierBody === null) return message;
  return {
    ...message,
    body: earlierBody,
    mentions: earlierMentions === null ? [] : JSON.parse(earlierMentions),
    metadata: earlierMetadata === null ? {} : JSON.parse(earlierMetadata),
  };
}

/** The row is deleted but its sequence stays taken: the event has no content any more. */
function gone(row: EventRow, messageId: string, sequence: number): Message {
  const { tenantId, actorId: senderId } = row;
  const stub = { chatId: row.chatId ?? '', sequence, messageId, tenantId, ordinal: 0, senderId };
  return messageOfStub({ ...stub, createdAt: new Date(row.at) });
}

/** Events from before there was a presence do not have it. */
function reviveUser(user: Profile): Profile {
  return {
    ...user,
    presence: user.presence ?? DEFAULT_PRESENCE,
    createdAt: new Date(user.createdAt),
    updatedAt: new Date(user.updatedAt),
  };
}
