/**
 * The protobuf types of the RealChat message service, as a protobufjs JSON descriptor. Names, numbers and types are the
 * wire contract of its public repository (SARVESHVARADKAR123/RealChat, `contracts/`): its clients and its Kafka
 * consumers read what is encoded with them.
 */

const timestamp = 'google.protobuf.Timestamp';

const field = (id: number, type = 'string') => ({ id, type });
const list = (id: number, type = 'string') => ({ id, type, rule: 'repeated' });

const messageV1 = {
  Message: {
    fields: {
      message_id: field(1),
      conversation_id: field(2),
      sender_user_id: field(3),
      sequence: field(4, 'int64'),
      message_type: field(5),
      content: field(6),
      metadata_json: field(7),
      sent_at: field(8, timestamp),
      deleted_at: field(9, timestamp),
    },
  },
  SendMessageRequest: {
    fields: {
      conversation_id: field(1),
      sender_user_id: field(2),
      idempotency_key: field(3),
      message_type: field(4),
      content: field(5),
      metadata_json: field(6),
    },
  },
  SendMessageResponse: { fields: { message: field(1, 'Message') } },
  DeleteMessageRequest: { fields: { conversation_id: field(1), message_id: field(2), actor_user_id: field(3) } },
  DeleteMessageResponse: { fields: {} },
  SyncMessagesRequest: {
    fields: { conversation_id: field(1), after_sequence: field(2, 'int64'), page_size: field(3, 'int32') },
  },
  SyncMessagesResponse: { fields: { messages: list(1, 'Message') } },
  MessageApi: {
    methods: {
      SendMessage: { requestType: 'SendMessageRequest', responseType: 'SendMessageResponse' },
      DeleteMessage: { requestType: 'DeleteMessageRequest', responseType: 'DeleteMessageResponse' },
      SyncMessages: { requestType: 'SyncMessagesRequest', responseType: 'SyncMessagesResponse' },
    },
  },
  MessageSentEvent: { fields: { message: field(1, 'Message') } },
  MessageDeletedEvent: { fields: { conversation_id: field(1), message_id: field(2) } },
};

const conversationV1 = {
  ConversationType: { values: { CONVERSATION_TYPE_UNSPECIFIED: 0, DIRECT: 1, GROUP: 2 } },
  ParticipantRole: { values: { PARTICIPANT_ROLE_UNSPECIFIED: 0, MEMBER: 1, ADMIN: 2 } },
  Participant: { fields: { user_id: field(1), role: field(2, 'ParticipantRole') } },
  Conversation: {
    fields: {
      conversation_id: field(1),
      display_name: field(3),
      avatar_url: field(4),
      created_at: field(5, timestamp),
      type: field(6, 'ConversationType'),
      participant_user_ids: list(7),
      participants_with_roles: list(8, 'Participant'),
    },
  },
  ConversationCreatedEvent: { fields: { conversation: field(1, 'Conversation'), participant_user_ids: list(2) } },
  MembershipChangedEvent: { fields: { conversation_id: field(1), user_id: field(2), added: field(3, 'bool') } },
  ReadReceiptUpdatedEvent: {
    fields: { conversation_id: field(1), user_id: field(2), read_sequence: field(3, 'int64') },
  },
};

const sharedV1 = {
  EventType: {
    values: {
      EVENT_TYPE_UNSPECIFIED: 0,
      EVENT_TYPE_CONVERSATION_CREATED: 1,
      EVENT_TYPE_MEMBERSHIP_CHANGED: 2,
      EVENT_TYPE_MESSAGE_SENT: 10,
      EVENT_TYPE_MESSAGE_DELETED: 11,
      EVENT_TYPE_READ_RECEIPT_UPDATED: 12,
      EVENT_TYPE_PRESENCE_UPDATED: 20,
    },
  },
  EventEnvelope: {
    fields: {
      event_type: field(1, 'EventType'),
      schema_version: field(2, 'int32'),
      occurred_at: field(3, timestamp),
      payload: field(4, 'bytes'),
    },
  },
};

const v1 = (nested: object) => ({ nested: { v1: { nested } } });

/** For `Root.addJSON`, beside the type `google.protobuf.Timestamp`. */
export const realchatTypes = {
  realchat: { nested: { message: v1(messageV1), conversation: v1(conversationV1), shared: v1(sharedV1) } },
};

export type RealchatEventType = keyof (typeof sharedV1)['EventType']['values'];
