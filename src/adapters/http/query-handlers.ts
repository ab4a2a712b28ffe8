/** What clients ask, answered from the store; nothing of a chat before `ChatViewing` has let the caller see it. */
import type { PolicyEnforcementPoint } from '../../application/policy/enforcement.js';
import { ChatViewing } from '../../application/policy/view-chat.js';
import type {
  Caller,
  ChatListFilter,
  ChatQueries,
  ChatView,
  SequenceRange,
} from '../../application/ports/chat-queries.js';
import type { EventLog } from '../../application/ports/event-log.js';
import { type RenderContext, renderEvent } from '../../application/render-event.js';
import { type Answer, notFound, ok, problemAnswer, refusalAnswer } from './answer.js';
import type { Handlers } from './call.js';
import type { Cursors } from './cursor.js';
import {
  representChat,
  representChatListItem,
  representMember,
  representMessage,
  representUser,
} from './representations.js';

export interface QueryHandlersDependencies {
  queries: ChatQueries;
  policy: PolicyEnforcementPoint;
  log: Pick<EventLog, 'recipients'>;
  cursors: Cursors;
  /** How events are rendered: as for dispatch workers. */
  rendering: RenderContext;
}

type QueryOperation =
  | 'listChats'
  | 'getChat'
  | 'listMembers'
  | 'listMessages'
  | 'getMessage'
  | 'listEvents'
  | 'getReceipt'
  | 'getUser';

export function queryHandlers({
  queries,
  policy,
  log,
  cursors,
  rendering,
}: QueryHandlersDependencies): Handlers<QueryOperation> {
  const viewing = new ChatViewing(queries, policy);

  /** Answers if the caller may see the chat. */
  async function inChat(
    { caller, path: { chatId } }: { caller: Caller; path: { chatId: string } },
    answer: (chatId: string, view: ChatView) => Promise<Answer>,
  ): Promise<Answer> {
    const viewed = await viewing.viewChat(caller, chatId);
    return viewed.outcome === 'visible'
      ? answer(chatId, viewed.view)
      : refusalAnswer(viewed.refusal, viewed.decisionId);
  }

  /**
   * Answers a page that starts where the cursor says; one more item than a page holds is read, to know whether there is a next. What
   * `isVisible` denies is left out: such a page is shorter, and still has its next.
   */
  async function page<T>(
    caller: Caller,
    selection: readonly unknown[],
    { cursor, limit }: { cursor?: string | undefined; limit: number },
    read: (position: string[] | null, limit: number) => Promise<T[]>,
    positionOf: (item: T) => string[],
    represent: (item: T) => unknown,
    isVisible: (item: T) => boolean = () => true,
  ): Promise<Answer> {
    const position = cursor === undefined ? null : cursors.open(caller, selection, cursor);
    if (cursor !== undefined && position === null)
      return problemAnswer('bad_request', {
        violations: [{ path: 'cursor', message: 'is not a cursor given for this query' }],
      });
    const found = await read(position, limit + 1);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const nextCursor =
      found.length > limit && last !== undefined ? cursors.sign(caller, selection, positionOf(last)) : null;
    return ok({ items: items.filter(isVisible).map(represent), nextCursor });
  }

  return {
    async listChats({ operation, caller, query }) {
      const { kind, archived } = query;
      const filter: ChatListFilter = {
        ...(kind === undefined ? {} : { kind }),
        ...(archived === undefined ? {} : { archived }),
      };
      return page(
        caller,
        [operation, kind ?? null, archived ?? null],
        query,
        (position, limit) => {
          const [at, chatId] = position ?? [];
          const from = at === undefined || chatId === undefined ? null : { lastActivityAt: new Date(at), chatId };
          return queries.listChats(caller, filter, from, limit);
        },
        ({ chat }) => [chat.lastActivityAt.toISOString(), chat.chatId],
        representChatListItem,
        (item) => viewing.isVisible(caller, item),
      );
    },

    getChat: (call) => inChat(call, async (_chatId, view) => ok(representChat(view))),

    listMembers: (call) =>
      inChat(call, (chatId) =>
        page(
          call.caller,
          [call.operation, chatId],
          call.query,
          (position, limit) => queries.listMembers(chatId, position?.[0] ?? null, limit),
          ({ userId }) => [userId],
          representMember,
        ),
      ),

    listMessages: (call) =>
      inChat(call, async (chatId) => {
        const { after, before, limit } = call.query;
        const range: SequenceRange = {
          limit,
          ...(after === undefined ? {} : { after }),
          ...(before === undefined ? {} : { before }),
        };
        const { items, hasMore } = await queries.listMessages(chatId, range);
        return ok({ items: items.map(representMessage), hasMore });
      }),

    getMessage: (call) =>
      inChat(call, async (chatId) => {
        const message = await queries.findMessage(chatId, call.path.messageId);
        return message === null ? notFound() : ok(representMessage(message));
      }),

    listEvents: (call) =>
      inChat(call, async (chatId) => {
        const { after = 0, limit } = call.query;
        const { items, hasMore } = await queries.listEvents(chatId, after, limit);
        const recipients = (await log.recipients([chatId], rendering.recipientsMax + 1)).get(chatId) ?? null;
        return ok({ items: items.map((event) => renderEvent(event, recipients, rendering)), hasMore });
      }),

    async getReceipt({ caller, path }) {
      const { tenantId, userId } = caller;
      const receipt = await queries.findReceipt({ tenantId, actorId: userId, commandId: path.commandId });
      return receipt === null ? notFound() : ok(receipt);
    },

    async getUser({ caller, path }) {
      const user = await queries.findUser({ tenantId: caller.tenantId, userId: path.userId });
      return user === null ? notFound() : ok(representUser(user));
    },
  };
}
