/** Examples of receipts and of a dead letter. */

import { refusal } from '../messages/problems.js';
import type { Receipt } from '../messages/receipts.js';
import { EXAMPLE_CHAT_ID, EXAMPLE_QUESTION_ID } from './commands.js';

/** A direct reply-to address as RabbitMQ writes it into a command. */
export const EXAMPLE_REPLY_ADDRESS =
  'amq.rabbitmq.reply-to.g1h3AA5yZXBseUA4ODMyMDI1NgAAC1oAAAAAZXVhRw==.V3rTJvXOEQYsFv4bWyfjSA==';

const DECISION_ID = '5f1c1c1e-0c3b-4a36-9d0e-0b7d6c0f6a11';

const sent: Receipt = {
  commandId: 'send-0001',
  type: 'message.send',
  status: 'accepted',
  tenantId: 'default',
  chatId: EXAMPLE_CHAT_ID,
  messageId: EXAMPLE_QUESTION_ID,
  sequence: 3,
  at: '2026-11-20T20:15:00.123Z',
  decisionId: DECISION_ID,
  replayed: false,
};

const refused: Receipt = { ...sent, status: 'rejected', messageId: null, sequence: null };

/** By the example's name. */
export const exampleReceipts = {
  accepted: { summary: 'The message is stored with sequence 3 of its chat.', receipt: sent },
  replayed: {
    summary: 'The same command arrived again. It gets the first receipt and has no second effect.',
    receipt: { ...sent, replayed: true },
  },
  unchanged: {
    summary: 'Accepted, and nothing changed: no sequence, no event.',
    receipt: { ...sent, commandId: 'archive-0002', type: 'chat.archive', messageId: null, sequence: null },
  },
  rejected: {
    summary: 'The policy does not permit a reader to post.',
    receipt: {
      ...refused,
      commandId: 'send-0003',
      reason: refusal(
        'not_permitted',
        'none of these rules permits it: members-post, owners-and-admins-post-in-channels',
      ),
    },
  },
  invalid: {
    summary: 'The command does not match its schema. The policy was not asked.',
    receipt: {
      ...refused,
      commandId: 'send-0004',
      decisionId: null,
      reason: refusal('invalid', undefined, [{ path: 'data.body', message: 'must have at least 1 character' }]),
    },
  },
} as const satisfies Record<string, { summary: string; receipt: Receipt }>;

export const exampleDeadLetter = {
  name: 'malformed',
  summary: 'The command has no actor id, so no receipt can be sent.',
  properties: { type: 'message.send', message_id: 'send-0005', content_type: 'application/json', delivery_mode: 2 },
  headers: {
    'x-parley-reason': 'malformed',
    'x-parley-detail': 'actorId is missing or not a user id',
    'x-parley-at': '2026-11-20T20:15:00.123Z',
    'x-parley-worker': 'worker-1',
    'x-parley-routing-key': EXAMPLE_CHAT_ID,
    'x-parley-publish': '1',
  },
  payload: { chatId: EXAMPLE_CHAT_ID, data: { body: 'hello' } },
};
