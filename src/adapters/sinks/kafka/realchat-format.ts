/** Events as `realchat.shared.v1.EventEnvelope`, which Kafka consumers of the RealChat message service read. */
import protobuf from 'protobufjs';
import type { CloudEvent } from '../../../contract/messages/events.js';
import { messageTypeOf } from '../../../contract/realchat/message-type.js';
import { type RealchatEventType, realchatTypes } from '../../../contract/realchat/wire-types.js';
import { attributeHeaders, type EventRecord, type RecordFormat } from './record-format.js';

/** Of the envelope, by its contract. */
const SCHEMA_VERSION = 1;
const MS_PER_SECOND = 1_000;
const NANOSECONDS_PER_MS = 1_000_000;
const ADMIN_ROLES = new Set(['owner', 'admin']);

interface Payload {
  eventType: RealchatEventType;
  /** Name of the payload's type, and its value. */
  type: string;
  value: object;
}

export function realchatFormat(): RecordFormat {
  const root = new protobuf.Root();
  root.addJSON(protobuf.common.get('google/protobuf/timestamp.proto')?.nested ?? {});
  // The type of protobufjs wants the keys of every kind of descriptor in each.
  root.addJSON(realchatTypes as unknown as Record<string, protobuf.INamespace>);
  root.resolveAll();
  const encode = (type: string, value: object) => {
    const codec = root.lookupType(type);
    return Buffer.from(codec.encode(codec.fromObject(value)).finish());
  };
  return ({ event }) => {
    const payloads = payloadsOf(event);
    return payloads.map(
      ({ eventType, type, value }, index): EventRecord => ({
        value: encode('realchat.shared.v1.EventEnvelope', {
          event_type: eventType,
          schema_version: SCHEMA_VERSION,
          occurred_at: timestampOf(event.time),
          payload: encode(type, value),
        }),
        headers: {
          ...attributeHeaders(event),
          // An event about several members becomes several records. Each has an id of its own.
          ...(payloads.length > 1 ? { ce_id: `${event.id}/${index}` } : {}),
          'content-type': 'application/x-protobuf',
        },
      }),
    );
  };
}

/** RealChat has no form for edits, reactions, changed titles and roles, archived chats, profiles and rejections. */
function payloadsOf(event: CloudEvent): Payload[] {
  switch (event.type) {
    case 'chat.created': {
      const { chatId, kind, title, members } = event.data;
      const userIds = members.map(({ userId }) => userId);
      const conversation = {
        conversation_id: chatId,
        display_name: title ?? '',
        created_at: timestampOf(event.time),
        type: kind === 'direct' ? 'DIRECT' : 'GROUP',
        participant_user_ids: userIds,
        participants_with_roles: members.map(({ userId, role }) => ({
          user_id: userId,
          role: ADMIN_ROLES.has(role) ? 'ADMIN' : 'MEMBER',
        })),
      };
      return [
        {
          eventType: 'EVENT_TYPE_CONVERSATION_CREATED',
          type: 'realchat.conversation.v1.ConversationCreatedEvent',
          value: { conversation, participant_user_ids: userIds },
        },
      ];
    }
    case 'member.added':
      return event.data.members.map(({ userId }) => membership(event.data.chatId, userId, true));
    case 'member.removed':
      return [membership(event.data.chatId, event.data.userId, false)];
    case 'message.created': {
      const { messageId, chatId, senderId, sequence, contentType, body, metadata, createdAt } = event.data;
      const message = {
        message_id: messageId,
        conversation_id: chatId,
        sender_user_id: senderId,
        sequence,
        message_type: messageTypeOf(contentType),
        content: body ?? '',
        metadata_json: Object.keys(metadata).length === 0 ? '' : JSON.stringify(metadata),
        sent_at: timestampOf(createdAt),
      };
      return [
        { eventType: 'EVENT_TYPE_MESSAGE_SENT', type: 'realchat.message.v1.MessageSentEvent', value: { message } },
      ];
    }
    case 'message.deleted': {
      const { chatId, messageId } = event.data;
      return [
        {
          eventType: 'EVENT_TYPE_MESSAGE_DELETED',
          type: 'realchat.message.v1.MessageDeletedEvent',
          value: { conversation_id: chatId, message_id: messageId },
        },
      ];
    }
    case 'chat.read': {
      const { chatId, userId, upTo } = event.data;
      return [
        {
          eventType: 'EVENT_TYPE_READ_RECEIPT_UPDATED',
          type: 'realchat.conversation.v1.ReadReceiptUpdatedEvent',
          value: { conversation_id: chatId, user_id: userId, read_sequence: upTo },
        },
      ];
    }
    default:
      return [];
  }
}

function membership(chatId: string, userId: string, added: boolean): Payload {
  return {
    eventType: 'EVENT_TYPE_MEMBERSHIP_CHANGED',
    type: 'realchat.conversation.v1.MembershipChangedEvent',
    value: { conversation_id: chatId, user_id: userId, added },
  };
}

function timestampOf(time: string): { seconds: number; nanos: number } {
  const ms = Date.parse(time);
  const seconds = Math.floor(ms / MS_PER_SECOND);
  return { seconds, nanos: (ms - seconds * MS_PER_SECOND) * NANOSECONDS_PER_MS };
}
