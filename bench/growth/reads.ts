/** The queries of clients as the `api` role runs them: through the adapters, with the visible past of the caller. */
import type { PrismaClient } from '../../src/adapters/stores/prisma/generated/client.js';
import { PrismaSyncLog } from '../../src/adapters/stores/prisma/log/prisma-sync-log.js';
import { PrismaChatHistory } from '../../src/adapters/stores/prisma/queries/prisma-chat-history.js';
import { PrismaChatQueries } from '../../src/adapters/stores/prisma/queries/prisma-chat-queries.js';
import { PrismaMessageSearch } from '../../src/adapters/stores/prisma/search/prisma-message-search.js';
import { ChatSync } from '../../src/application/queries/sync-chats.js';
import { BUSY_USER, type LoadedChats, TENANT_ID } from './loading/loaded-chats.js';
import { COMMON_WORD, RARE_WORD } from './loading/texts.js';

const PAGE = 50;
/** The chats with the most traffic. */
const BIG_CHATS = 100;
/** How far back the last sync of a client was, in messages of each partition. */
const AWAY_POSITIONS = 1_000;

export interface Read {
  name: string;
  /** Whether the goal for a page of history applies to the query. */
  isHistory: boolean;
  /** The n-th call: another chat, another user. */
  ask(database: PrismaClient, n: number): Promise<unknown>;
}

/** @param last the last sequence of a chat, and a message in it */
export function reads(chats: LoadedChats, places: Places): Read[] {
  const big = (n: number) => n % BIG_CHATS;
  const past = (n: number) => {
    const chat = big(n);
    return { chatId: chats.ids[chat] ?? '', userId: chats.user(chat, 0), fromSequence: 1 };
  };
  const end = (n: number) => places.lastSequences[big(n)] ?? 1;
  const someUser = (n: number) => ({ tenantId: TENANT_ID, userId: chats.user((n * 37) % chats.ids.length, 1) });
  const busy = { tenantId: TENANT_ID, userId: BUSY_USER };
  const history = (database: PrismaClient) => new PrismaChatHistory(database);
  const queries = (database: PrismaClient) => new PrismaChatQueries(database);
  const read = (name: string, ask: Read['ask'], isHistory = false): Read => ({ name, isHistory, ask });
  const search = (database: PrismaClient, n: number, text: string, chatId?: string) =>
    new PrismaMessageSearch(database).search(
      chatId === undefined ? someUser(n) : { tenantId: TENANT_ID, userId: past(n).userId },
      'all',
      { text, ...(chatId === undefined ? {} : { chatId }) },
      null,
      PAGE,
    );
  return [
    read('history, the latest page', (d, n) => history(d).listMessages(past(n), { limit: PAGE }), true),
    read(
      'history, a page in the middle',
      (d, n) => history(d).listMessages(past(n), { before: Math.ceil(end(n) / 2), limit: PAGE }),
      true,
    ),
    read('history, the first page', (d, n) => history(d).listMessages(past(n), { after: 0, limit: PAGE }), true),
    read('events of a chat, in the middle', (d, n) => history(d).listEvents(past(n), Math.floor(end(n) / 2), PAGE)),
    read('one message', (d, n) => history(d).findMessage(past(n), places.messageIds[big(n)] ?? '')),
    read('one chat', (d, n) => queries(d).findChat({ tenantId: TENANT_ID, userId: past(n).userId }, past(n).chatId)),
    read('chat list of a user in some chats', (d, n) => queries(d).listChats(someUser(n), 'all', {}, null, PAGE)),
    read('chat list of a user in very many', (d) => queries(d).listChats(busy, 'all', {}, null, PAGE)),
    read('unread total of a user in some chats', (d, n) => queries(d).countUnread(someUser(n), 'all')),
    read('unread total of a user in very many', (d) => queries(d).countUnread(busy, 'all')),
    read('sync after a while away', async (d, n) => {
      const log = new PrismaSyncLog(d);
      const now = await log.cut();
      const from = { ...now, positions: now.positions.map((position) => Math.max(0, position - AWAY_POSITIONS)) };
      return new ChatSync(log, { visibleTo: async () => 'all' }).page(
        someUser(n),
        { from, shown: null, walk: null },
        PAGE,
      );
    }),
    read('search, a common word', (d, n) => search(d, n, COMMON_WORD)),
    read('search, a rare word', (d, n) => search(d, n, RARE_WORD)),
    read('search, a common word in one big chat', (d, n) => search(d, n, COMMON_WORD, past(n).chatId)),
  ];
}

/** Of the chats with the most traffic. */
export interface Places {
  lastSequences: number[];
  /** The last message of each chat. */
  messageIds: string[];
}

export async function findPlaces(database: PrismaClient, chats: LoadedChats): Promise<Places> {
  const places: Places = { lastSequences: [], messageIds: [] };
  for (const chatId of chats.ids.slice(0, BIG_CHATS)) {
    const past = { chatId, userId: BUSY_USER, fromSequence: 1 };
    const { items } = await new PrismaChatHistory(database).listMessages(past, { limit: 1 });
    places.lastSequences.push(items[0]?.sequence ?? 1);
    places.messageIds.push(items[0]?.messageId ?? '');
  }
  return places;
}
