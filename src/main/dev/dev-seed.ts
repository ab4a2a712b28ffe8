/** What `dev` does when everything is up: a first chat to send to, a token, and the banner that shows how. */
import { directChatId } from '../../contract/messages/direct-chat-id.js';
import { DEFAULT_TENANT } from '../../contract/messages/identifiers.js';
import { signActorToken } from '../cli/token-command.js';
import type { RoleContext } from '../roles/role.js';
import { type Addresses, printBanner } from './dev-banner.js';

const TOKEN_TTL_SECONDS = 24 * 3_600;
const ACTOR = 'alice';
const PEER = 'bob';
const COMMAND_ID = 'parley-dev-first-chat';
const RECEIPT_WAIT_MS = 10_000;

export async function welcome(context: RoleContext, addresses: Addresses, startedAt: number): Promise<void> {
  const chatId = directChatId(DEFAULT_TENANT, ACTOR, PEER);
  const token = await demoToken(context);
  if (token !== null) await createFirstChat(context, chatId, token);
  const first = token === null ? null : { token, actor: ACTOR, chatId };
  printBanner(addresses, first, performance.now() - startedAt);
}

/** Null where tokens are signed elsewhere. */
async function demoToken({ settings }: RoleContext): Promise<string | null> {
  if (settings.jwtSecret === undefined) return null;
  return signActorToken(settings, { actor: ACTOR, ttlSeconds: TOKEN_TTL_SECONDS });
}

/**
 * So that the banner's command works as it stands. Repeating it changes nothing. It comes behind whatever waits in its
 * partition, so
 * that no receipt in time is no reason to stop.
 */
async function createFirstChat({ transport, logger }: RoleContext, chatId: string, token: string): Promise<void> {
  const receipt = await transport.gateway.request(
    {
      type: 'chat.create',
      commandId: COMMAND_ID,
      routingKey: chatId,
      body: Buffer.from(JSON.stringify({ actorId: ACTOR, chatId, data: { kind: 'direct', memberIds: [PEER] } })),
      authorization: `Bearer ${token}`,
      traceparent: null,
      tracestate: null,
    },
    RECEIPT_WAIT_MS,
  );
  if (receipt?.status !== 'accepted')
    logger.warn('the first chat is not there yet', {
      answer: receipt?.reason?.code ?? `none in ${RECEIPT_WAIT_MS} ms`,
    });
}
