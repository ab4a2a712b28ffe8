import { type RenderContext, renderEvent } from '../../../../application/outbox/render-event.js';
import type { AudienceReader } from '../../../../application/policy/chat-audience.js';
import type { ChatViewing } from '../../../../application/policy/view-chat.js';
import type { ChatHistory } from '../../../../application/ports/queries/chat-history.js';
import type { Handlers } from '../middleware/request-context.js';
import { fittingSequence } from '../paging/page-budget.js';
import { ok } from '../response.js';
import { inChat } from './with-chat-access.js';

/** A chat's events, rendered as for dispatch consumers. */
export function eventQueryHandlers(
  history: ChatHistory,
  viewing: ChatViewing,
  audiences: Pick<AudienceReader, 'read'>,
  rendering: RenderContext,
): Handlers<'listEvents'> {
  return {
    listEvents: (call) =>
      inChat(viewing, call, async (past) => {
        const { after = 0, limit } = call.query;
        const page = await history.listEvents(past, after, limit);
        const { chatId } = past;
        const audience = (await audiences.read([chatId])).get(chatId) ?? null;
        return ok(fittingSequence(page, (event) => renderEvent(event, audience, rendering), true));
      }),
  };
}
