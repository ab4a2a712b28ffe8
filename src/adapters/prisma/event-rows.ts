/** The log's rows: what an event says beyond its columns is its payload; a created message is read where its text stands. */
import type { LoggedEvent } from '../../application/ports/event-log.js';
import type { DomainEvent, DomainEventType } from '../../domain/event.js';
import type { Message } from '../../domain/message.js';
import type { User } from '../../domain/user.js';
import { Prisma } from './generated/client.js';
import { MESSAGE_CONTENT_COLUMNS, type MessageRow, toMessage } from './rows.js';

/** What stands for the id of a message whose row is gone. */
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

type NoMessage = { messageId: null };
type MessageContent = Omit<MessageRow, 'chatId' | 'sequence' | 'tenantId'>;
export type EventRow = EventColumns & (NoMessage | MessageContent);

/** Of `chat_events e`, with the message each `message.created` names. */
export const EVENT_COLUMNS = Prisma.sql`e.partition, e.position::float8 AS position, e.type, e.tenant_id AS "tenantId",
  e.chat_id::text AS "chatId", e.sequence::float8 AS sequence, e.actor_id AS "actorId", e.command_id AS "commandId",
  (extract(epoch FROM e.at) * 1000)::float8 AS at, e.payload::text AS payload, e.traceparent, e.tracestate,
  ${MESSAGE_CONTENT_COLUMNS}`;
export const EVENTS_WITH_MESSAGES = Prisma.sql`chat_events e
  LEFT JOIN messages g ON e.type = 'message.created' AND g.chat_id = e.chat_id AND g.sequence = e.sequence`;

export function toPayload(event: DomainEvent): string | null {
  if (event.type === 'message.created') return null;
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
  if (row.type === 'message.created') return { type: row.type, message: messageOf(row) };
  const event = { type: row.type, ...JSON.parse(row.payload ?? 'null') } as DomainEvent;
  return event.type === 'user.upserted' ? { type: event.type, user: reviveUser(event.user) } : event;
}

function messageOf(row: EventRow): Message {
  const chatId = row.chatId ?? '';
  const sequence = row.sequence ?? 0;
  if (row.messageId !== null) return toMessage({ ...row, chatId, sequence });
  // The row is gone, the number stays taken: an event with nothing left to say but that there was one.
  return {
    chatId,
    sequence,
    messageId: NO_MESSAGE_ID,
    tenantId: row.tenantId,
    ordinal: 0,
    senderId: row.actorId,
    revision: 0,
    body: null,
    contentType: 'text/plain',
    inReplyTo: null,
    threadRootId: null,
    mentions: [],
    attachments: [],
    metadata: {},
    createdAt: new Date(row.at),
    editedAt: null,
    deletedAt: null,
  };
}

function reviveUser(user: User): User {
  return { ...user, createdAt: new Date(user.createdAt), updatedAt: new Date(user.updatedAt) };
}
