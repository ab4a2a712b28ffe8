/** What clients ask, answered from the store. Who is not in a chat is told what those are told who ask for a chat that is not there. */
import type { Caller, ChatListFilter, ChatQueries, SequenceRange } from '../../application/ports/chat-queries.js';
import type { EventLog } from '../../application/ports/event-log.js';
import { type RenderContext, renderEvent } from '../../application/render-event.js';
import { type Answer, notFound, ok, problemAnswer } from './answer.js';
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
  log,
  cursors,
  rendering,
}: QueryHandlersDependencies): Handlers<QueryOperation> {
  /** Answers if the caller is in the chat. */
  async function inChat(
    { caller, path: { chatId } }: { caller: Caller; path: { chatId: string } },
    answer: (chatId: string) => Promise<Answer>,
  ): Promise<Answer> {
    return (await queries.findChat(caller, chatId)) === null ? notFound() : answer(chatId);
  }

  /** Answers a page that starts where the cursor says; one more item than a page holds is read, to know whether there is a next. */
  async function page<T>(
    caller: Caller,
    selection: readonly unknown[],
    { cursor, limit }: { cursor?: string | undefined; limit: number },
    read: (position: string[] | null, limit: number) => Promise<T[]>,
    positionOf: (item: T) => string[],
    represent: (item: T) => unknown,
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
    return ok({ items: items.map(represent), nextCursor });
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
      );
    },

    async getChat({ caller, path }) {
      const view = await queries.findChat(caller, path.chatId);
      return view === null ? notFound() : ok(representChat(view));
    },

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
