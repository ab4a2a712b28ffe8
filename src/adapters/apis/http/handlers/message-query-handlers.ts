/** Queries about messages. `ChatViewing` checks the caller's access to the chat first. */
import type { ChatViewing } from '../../../../application/policy/view-chat.js';
import type {
  ChatHistory,
  MessageView,
  SequenceRange,
  VisiblePast,
} from '../../../../application/ports/queries/chat-history.js';
import type { Caller, ChatView } from '../../../../application/ports/queries/chat-queries.js';
import { READERS_MEMBERS_MAX } from '../../../../contract/rest/message-operations.js';
import type { Handlers } from '../middleware/request-context.js';
import type { Cursors } from '../paging/cursor.js';
import { cursorPage } from '../paging/cursor-page.js';
import { fittingSequence } from '../paging/page-budget.js';
import { representMessage, representReader, representRevision, representThread } from '../representations.js';
import { type Answer, notFound, ok, problemAnswer } from '../response.js';
import { inChat } from './with-chat-access.js';

type Operation = 'listMessages' | 'getMessage' | 'listRevisions' | 'getThread' | 'listReaders';

export function messageQueryHandlers(
  history: ChatHistory,
  viewing: ChatViewing,
  cursors: Cursors,
): Handlers<Operation> {
  /** Responds with `answer` if the caller can see the message, else with `not_found`. */
  function aboutMessage(
    call: { caller: Caller; path: { chatId: string; messageId: string } },
    answer: (message: MessageView, past: VisiblePast, view: ChatView) => Promise<Answer> | Answer,
  ): Promise<Answer> {
    return inChat(viewing, call, async (past, view) => {
      const message = await history.findMessage(past, call.path.messageId);
      return message === null ? notFound() : answer(message, past, view);
    });
  }

  return {
    listMessages: (call) =>
      inChat(viewing, call, async (past) => {
        const page = await history.listMessages(past, rangeOf(call.query));
        return ok(fittingSequence(page, representMessage, call.query.after !== undefined));
      }),

    getMessage: (call) => aboutMessage(call, (message) => ok(representMessage(message))),

    listRevisions: (call) =>
      aboutMessage(call, ({ chatId, messageId }, past) =>
        cursorPage(cursors, call, {
          selection: [call.operation, chatId, messageId],
          read: (position, limit) => history.listRevisions(past, messageId, Number(position?.[0] ?? 0), limit),
          positionOf: ({ revision }) => [String(revision)],
          represent: representRevision,
        }),
      ),

    getThread: (call) =>
      inChat(viewing, call, async (past) => {
        const thread = await history.findThread(past, call.path.messageId, rangeOf(call.query));
        return thread === null ? notFound() : ok(representThread(thread, call.query.after !== undefined));
      }),

    listReaders: (call) =>
      aboutMessage(call, ({ chatId, messageId }, past, { chat }) => {
        if (chat.memberCount > READERS_MEMBERS_MAX)
          return problemAnswer('not_permitted', {
            detail: `readers are listed in chats of up to ${READERS_MEMBERS_MAX} members; this one has ${chat.memberCount}`,
          });
        return cursorPage(cursors, call, {
          selection: [call.operation, chatId, messageId, call.query.mark],
          read: (position, limit) =>
            history.listReaders(past, messageId, call.query.mark, position?.[0] ?? null, limit),
          positionOf: ({ userId }) => [userId],
          represent: representReader,
        });
      }),
  };
}

function rangeOf({
  after,
  before,
  limit,
}: {
  after?: number | undefined;
  before?: number | undefined;
  limit: number;
}): SequenceRange {
  return { limit, ...(after === undefined ? {} : { after }), ...(before === undefined ? {} : { before }) };
}
