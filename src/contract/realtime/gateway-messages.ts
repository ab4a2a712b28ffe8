/** Messages between gateways. They are hints: an invalid one is ignored. */
import { z } from 'zod';
import { chatId, tenantId, userId } from '../messages/identifiers.js';

/** Users in one message. */
export const PRESENCE_USERS_MAX = 500;
const GATEWAY_ID_MAX_CHARACTERS = 128;

const presenceReport = z.object({
  gatewayId: z.string().min(1).max(GATEWAY_ID_MAX_CHARACTERS),
  users: z.array(z.object({ tenantId, userId, status: z.enum(['online', 'away', 'gone']) })).max(PRESENCE_USERS_MAX),
});
export type PresenceReport = z.infer<typeof presenceReport>;

export const gatewayMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('presence'), body: presenceReport }),
  z.object({ kind: z.literal('presence-query'), body: z.unknown() }),
  z.object({ kind: z.literal('typing'), body: z.object({ tenantId, chatId, userId, on: z.boolean() }) }),
]);
