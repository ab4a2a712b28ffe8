/** The expected state of syncing clients, from the model. */
import type { Tables } from '../../unit/application/sync/sync-oracle.js';
import { ModelQueries } from './model-queries.js';
import { isThere, type ModelWorld } from './model-world.js';

export function tablesOf(world: ModelWorld, tenantId: string): Tables {
  const queries = new ModelQueries(world);
  const chats = [...world.chats.values()].filter(({ tenant }) => tenant === tenantId);
  const messages = chats.flatMap((chat) => chat.messages.filter(isThere).map((message) => ({ chat, message })));
  return {
    chats: chats.map((chat) => queries.state(chat)),
    members: chats.flatMap((chat) => [...chat.people].map(([user, person]) => queries.member(chat, user, person))),
    messages: messages.map(({ chat, message }) => queries.message(chat, message, message.sender)),
    reactions: messages.flatMap(({ message: { id, reactions } }) =>
      reactions.map(({ emoji, user }) => ({ messageId: id, emoji, userId: user })),
    ),
  };
}
