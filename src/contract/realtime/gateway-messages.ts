/** Messages between gateways. They are hints: an invalid one is ignored. */
import { z } from 'zod';
import { chatId, tenantId, userId } from '../messages/identifiers.js';

/** Users in one message. */
export const PRESENCE_USERS_MAX = 500;
const GATEWAY_ID_MAX_CHARACTERS = 128;

const presenceReport = z
  .object({
    gatewayId: z.string().min(1).max(GATEWAY_ID_MAX_CHARACTERS).meta({ description: 'The process that says so.' }),
    users: z
      .array(
        z.object({
          tenantId,
          userId,
          status: z.enum(['online', 'away', 'gone']).meta({
            description: '`gone`: the user has no connection to this gateway any more.',
          }),
        }),
      )
      .max(PRESENCE_USERS_MAX)
      .meta({ description: 'Users with a connection to this gateway, or who had one.' }),
  })
  .meta({ description: 'Renews the presence of users at this gateway for 45 s.' });
export type PresenceReport = z.infer<typeof presenceReport>;

const typingReport = z
  .object({ tenantId, chatId, userId, on: z.boolean().meta({ description: 'False: the user has stopped.' }) })
  .meta({ description: 'A user types in a chat.' });

/** By kind: the message on the exchange `chat.ephemeral`, whose routing key is the kind. */
export const gatewayMessageBody = {
  presence: presenceReport,
  'presence-query': z.unknown().meta({ description: 'A gateway has started: all gateways report their users.' }),
  typing: typingReport,
} as const;

export const gatewayMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('presence'), body: gatewayMessageBody.presence }),
  z.object({ kind: z.literal('presence-query'), body: gatewayMessageBody['presence-query'] }),
  z.object({ kind: z.literal('typing'), body: gatewayMessageBody.typing }),
]);
