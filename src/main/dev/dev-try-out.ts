/**
 * What `dev` makes each time `/docs` is loaded, so that every operation there works as it stands; those for services
 * show the refusal of a person.
 */
import { v7 } from 'uuid';
import type { PrepareTryOut } from '../../adapters/apis/http/docs/try-out.js';
import type { Receipt } from '../../contract/messages/receipts.js';
import { signActorToken } from '../cli/token-command.js';
import type { RoleContext } from '../roles/role.js';

const TOKEN_TTL_SECONDS = 24 * 3_600;
const RECEIPT_WAIT_MS = 5_000;
const ACTOR = 'alice';
/** One effect, however often the page is loaded: what alice has made of her profile since stays. */
const PROFILE_COMMAND_ID = 'parley-dev-docs-profile';

/** A group of its own with two messages, one of them to be deleted. Undefined where tokens are signed elsewhere. */
export function devTryOut(context: RoleContext): PrepareTryOut | undefined {
  const { settings, transport } = context;
  if (settings.jwtSecret === undefined) return undefined;
  return async () => {
    const token = await signActorToken(settings, { actor: ACTOR, ttlSeconds: TOKEN_TTL_SECONDS });
    const chatId = v7();
    const ask = (type: string, data: object, commandId: string = v7()): Promise<Receipt | null> => {
      const isProfile = type === 'user.upsert';
      const command = isProfile ? { actorId: ACTOR, data } : { actorId: ACTOR, chatId, data };
      return transport.gateway.request(
        {
          ...{ type, commandId, routingKey: isProfile ? ACTOR : chatId },
          body: Buffer.from(JSON.stringify(command)),
          ...{ authorization: `Bearer ${token}`, traceparent: null, tracestate: null },
        },
        RECEIPT_WAIT_MS,
      );
    };
    // In one partition they take effect in this order.
    const [, , sent, toDelete, , refused] = await Promise.all([
      ask('user.upsert', { displayName: 'Alice' }, PROFILE_COMMAND_ID),
      ask('chat.create', { kind: 'group', title: 'Try it out', memberIds: ['bob', 'carol'] }),
      ask('message.send', { body: 'hello' }),
      ask('message.send', { body: 'one to delete' }),
      ask('chat.read', { upTo: 3 }),
      // Refused: one's profile is not for others to write. It is there to be asked about.
      ask('user.upsert', { userId: 'bob', displayName: 'Not Bob' }),
    ]);
    const parameters = {
      ...{ chatId, userId: ACTOR, emoji: ':thumbsup:', webhookId: v7(), keyId: v7() },
      ...known({ messageId: sent?.messageId, commandId: sent?.commandId, decisionId: refused?.decisionId }),
    };
    const parametersOf = {
      findUsers: { ids: ACTOR },
      searchMessages: { q: 'hello', chatId },
      updateMember: { userId: 'bob' },
      removeMember: { userId: 'carol' },
      deleteMessage: known({ messageId: toDelete?.messageId }),
    };
    return { token, parameters, parametersOf };
  };
}

/** What could not be made is not filled in. */
function known(values: Record<string, string | null | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
