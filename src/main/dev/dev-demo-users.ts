/** Users whom the chat page of `dev` offers without a sign-in, with names and a first group to write in. */
import type { DemoUsers } from '../../adapters/apis/http/chat-page/chat-page.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import { signActorToken } from '../cli/token-command.js';
import type { RoleContext } from '../roles/role.js';

const TOKEN_TTL_SECONDS = 24 * 3_600;
const RECEIPT_WAIT_MS = 5_000;
const NAMES: Readonly<Record<string, string>> = { alice: 'Alice', bob: 'Bob', carol: 'Carol' };
const GROUP_ID = '7ea00000-0000-4000-8000-000000000001';
const GROUP_TITLE = 'Tea at four';
const FIRST_MESSAGES = [
  { actorId: 'carol', body: 'Tea at four today? I bring scones.' },
  { actorId: 'bob', body: 'Yes, please. @carol with jam?', mentions: ['carol'] },
];

/** Undefined where tokens are signed elsewhere. */
export function devDemoUsers(context: RoleContext): DemoUsers | undefined {
  const { settings } = context;
  if (settings.jwtSecret === undefined) return undefined;
  const sign = (actor: string) => signActorToken(settings, { actor, ttlSeconds: TOKEN_TTL_SECONDS });
  let prepared: Promise<void> | null = null;
  return {
    userIds: Object.keys(NAMES),
    async signIn(userId) {
      prepared ??= prepare(context, sign);
      await prepared;
      return sign(userId);
    },
  };
}

/** The command ids are fixed, so that a later start of `dev` does not repeat the effect. */
async function prepare({ transport, logger }: RoleContext, sign: (actor: string) => Promise<string>): Promise<void> {
  const ask = async (actorId: string, type: string, data: object, chatId?: string): Promise<Receipt | null> =>
    transport.gateway.request(
      {
        ...{ type, commandId: `parley-dev-demo-${type}`, routingKey: chatId ?? actorId },
        body: Buffer.from(JSON.stringify({ actorId, data, ...(chatId === undefined ? {} : { chatId }) })),
        ...{ authorization: `Bearer ${await sign(actorId)}`, traceparent: null, tracestate: null },
      },
      RECEIPT_WAIT_MS,
    );
  try {
    const [first = '', ...others] = Object.keys(NAMES);
    for (const [userId, displayName] of Object.entries(NAMES)) await ask(userId, 'user.upsert', { displayName });
    const group = { kind: 'group', title: GROUP_TITLE, memberIds: others };
    const created = await ask(first, 'chat.create', group, GROUP_ID);
    if (created?.status !== 'accepted' || created.replayed) return;
    for (const { actorId, ...data } of FIRST_MESSAGES) await ask(actorId, 'message.send', data, GROUP_ID);
  } catch (error) {
    // The page works without them.
    logger.warn('the first group of the chat page is not there', { error: String(error) });
  }
}
