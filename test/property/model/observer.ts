/** Compares the answers of the store and the model. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { renderEvent } from '../../../src/application/outbox/render-event.js';
import { AudienceReader } from '../../../src/application/policy/chat-audience.js';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import { ChatViewing } from '../../../src/application/policy/view-chat.js';
import {
  type ChatHistory,
  type SequenceRange,
  type VisiblePast,
  visiblePast,
} from '../../../src/application/ports/queries/chat-history.js';
import type {
  Caller,
  ChatListFilter,
  ChatListItem,
  ChatQueries,
} from '../../../src/application/ports/queries/chat-queries.js';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import type { Member } from '../../../src/domain/chat.js';
import { type StoreHarness, searchOf } from '../../conformance/store/store-conformance.js';
import { hidingPolicy } from '../../support/policies/hiding-policy.js';
import { NOWHERE } from '../../unit/application/commands/drafts.js';
import { chatAt } from './command-of.js';
import { type Look, PEOPLE, TENANTS, WORDS } from './intents.js';
import { PARTITIONS } from './model.js';
import { eventsSeen, type ToldEvent, tell } from './model-events.js';
import { ModelQueries } from './model-queries.js';
import type { ModelChat, ModelWorld, Person } from './model-world.js';

const FILTERS: ChatListFilter[] = [
  { archived: false },
  { hidden: true },
  { archived: true, kind: 'group' },
  { kind: 'direct' },
];
const RECIPIENTS_MAX = 100;
const HIDING = hidingPolicy();
const LOG_PAGE = 87;
const ALL_EVENTS = 10_000;
/** The comparisons of each person at the end. */
const FINAL_PAGES = [10, 13, 17, 21, 26, 31];
/** Fields of items whose order is not defined. */
const ANY_ORDER = ['emoji'];

/** For chats that are not too large. */
interface ForWhom {
  recipients: string[];
  forActor: boolean;
}

export class Observer {
  private readonly expected: ModelQueries;

  constructor(
    private readonly store: StoreHarness,
    private readonly world: ModelWorld,
  ) {
    this.expected = new ModelQueries(world);
  }

  /** Queries of one person in one chat, with one page size. */
  async look({ who, place, size, from, word }: Look): Promise<void> {
    const caller = { tenantId: 'default', userId: who };
    await this.lookAtList(caller, size);
    await this.search(caller, word, size);
    await this.lookAtChat(caller, chatAt(place, caller.tenantId, who), size, from);
  }

  async lookAtEverything(): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition += 1) await this.lookAtLog(partition);
    for (const tenantId of TENANTS)
      for (const [index, userId] of PEOPLE.entries()) {
        const caller = { tenantId, userId };
        await this.lookAtList(caller, index + 2);
        // In one tenant each, because search is the slowest query.
        if (tenantId === TENANTS[index % TENANTS.length])
          await this.search(caller, WORDS[index % WORDS.length] as string, index + 10);
        for (const chatId of this.world.chats.keys())
          await this.lookAtChat(caller, chatId, FINAL_PAGES[index] ?? 10, 0);
      }
    // Every second event, because each is read once per member.
    for (const [index, chatId] of [...this.world.chats.keys()].entries())
      if (index % 2 === this.world.log.length % 2) await this.lookAtRecipients(chatId);
  }

  /** Compares the recipients of events with the events that REST shows to each member. */
  private async lookAtRecipients(chatId: string): Promise<void> {
    const { log, history, queries, decisions } = this.store;
    const chat = this.world.chats.get(chatId) as ModelChat;
    const viewing = new ChatViewing(queries, new PolicyEnforcementPoint(HIDING), decisions);
    const everything = await history.listEvents({ chatId, userId: 'nobody', fromSequence: 1 }, 0, ALL_EVENTS);
    const audience = (await new AudienceReader(log, HIDING, RECIPIENTS_MAX).read([chatId])).get(chatId) ?? null;
    const context = { storeId: 'any', recipientsMax: RECIPIENTS_MAX };
    const told = everything.items.map((logged) => ({
      logged,
      forWhom: renderEvent(logged, audience, context).data as ForWhom,
    }));
    for (const userId of chat.people.keys()) {
      const viewed = await viewing.viewChat({ tenantId: chat.tenant, userId }, chatId);
      const items =
        viewed.outcome === 'visible' ? (await history.listEvents(visiblePast(viewed.view), 0, ALL_EVENTS)).items : [];
      const shown = new Map(items.map((logged) => [logged.sequence, logged]));
      for (const { logged, forWhom } of told) {
        const { actorId, event, sequence } = logged;
        if (event.type === 'member.removed' && event.userId === userId) continue;
        const { recipients, forActor } = forWhom;
        const isShown = isDeepStrictEqual(shown.get(sequence), logged);
        if ((actorId === userId ? forActor : recipients.includes(userId)) !== isShown)
          expect(recipients, `${event.type} ${sequence}, ${isShown ? '' : 'not '}shown to ${userId}`).to.equal(isShown);
      }
    }
  }

  private async lookAtList(caller: Caller, size: number): Promise<void> {
    const { queries } = this.store;
    await this.same('the profile', queries.findUser(caller), this.expected.findUser(caller));
    await this.same('unread totals', queries.countUnread(caller, 'all'), this.expected.countUnread(caller));
    for (const filter of [{}, FILTERS[size % FILTERS.length] ?? {}])
      await pages(size, async (last: ChatListItem | null) => {
        const from = last === null ? null : { lastActivityAt: last.chat.lastActivityAt, chatId: last.chat.chatId };
        const ask = (of: Pick<ChatQueries, 'listChats'>) => of.listChats(caller, 'all', filter, from, size);
        return this.same('chats', ask(queries), ask(this.expected));
      });
  }

  private async search(caller: Caller, text: string, size: number): Promise<void> {
    await pages(size, async (last: Awaited<ReturnType<ModelQueries['search']>>[number] | null) => {
      const query = size % 3 === 0 ? { text, senderId: 'bob' } : { text };
      const from = last?.message ?? null;
      await this.store.settleSearch?.();
      const { found } = await searchOf(this.store).search(caller, 'all', query, from, size);
      for (const { highlights } of found)
        expect(highlights.flat().some(({ text: piece, match }) => match && piece === text)).to.equal(true);
      const answer = Promise.resolve(found.map(({ message, view }) => ({ message, view })));
      return this.same(`what is found for ${text}`, answer, this.expected.search(caller, query, from, size));
    });
  }

  private async lookAtChat(caller: Caller, chatId: string, size: number, after: number): Promise<void> {
    const { queries, history } = this.store;
    const view = await this.same('chat', queries.findChat(caller, chatId), this.expected.findChat(caller, chatId));
    if (view === null) return;
    await pages(size, (last: Member | null) => {
      const ask = (of: Pick<ChatQueries, 'listMembers'>) => of.listMembers(chatId, last?.userId ?? null, size);
      return this.same('members', ask(queries), ask(this.expected));
    });
    const past = visiblePast(view);
    const ask = (range: SequenceRange) =>
      this.same('history', history.listMessages(past, range), this.expected.listMessages(past, range));
    const isBackwards = size % 2 === 0;
    for (let range: SequenceRange = isBackwards ? { limit: size } : { after, limit: size }; ; ) {
      const { items, hasMore } = await ask(range);
      if (!hasMore) break;
      const next = isBackwards ? { before: items[0]?.sequence ?? 0 } : { after: items.at(-1)?.sequence ?? 0 };
      range = { ...next, limit: size };
    }
    await this.lookAtEvents(past, after, size);
    // Any message ever sent, which may be deleted or hidden; without one, an unknown id.
    const messages = this.world.chats.get(chatId)?.messages ?? [];
    await this.lookAtMessage(past, messages[(after + size) % messages.length]?.id ?? NOWHERE, size);
    const root = messages.findLast(({ thread }) => thread !== null)?.thread ?? null;
    if (root !== null) await this.lookAtMessage(past, root, size);
  }

  private async lookAtMessage(past: VisiblePast, id: string, size: number): Promise<void> {
    const ask = async (of: Omit<ChatHistory, 'listEvents'>) => ({
      message: await of.findMessage(past, id),
      revisions: await of.listRevisions(past, id, size % 2, size),
      thread: await of.findThread(past, id, { limit: size }),
      threadOn: await of.findThread(past, id, { after: size, limit: size }),
      readers: await of.listReaders(past, id, 'read', null, size),
      readersOn: await of.listReaders(past, id, 'read', 'carol', size),
      reached: await of.listReaders(past, id, 'delivered', null, size),
    });
    await this.same(`message ${id}`, ask(this.store.history), ask(this.expected));
  }

  private async lookAtEvents(past: VisiblePast, after: number, size: number): Promise<void> {
    const chat = this.world.chats.get(past.chatId) as ModelChat;
    const expected = eventsSeen(this.world, chat, chat.people.get(past.userId) as Person, after);
    for (let done = 0; ; ) {
      const { items, hasMore } = await this.store.history.listEvents(
        past,
        done === 0 ? after : (expected[done - 1]?.sequence ?? 0),
        size,
      );
      expectSame(await this.told(items), expected.slice(done, done + size), 'events');
      done += items.length;
      expect(hasMore, 'more events').to.equal(done < expected.length);
      if (!hasMore) return;
    }
  }

  private async lookAtLog(partition: number): Promise<void> {
    const { log } = this.store;
    const logged: LoggedEvent[] = [];
    for (let more = true; more; ) {
      const some = await log.readEvents(partition, logged.at(-1)?.position ?? 0, LOG_PAGE);
      logged.push(...some);
      more = some.length === LOG_PAGE;
    }
    const expected = this.world.presentLogOf(partition);
    expect(logged.map(({ position }) => position)).to.deep.equal(expected.map(({ position }) => position));
    const told = expected.map((event) => tell(this.world, event));
    expectSame(await this.told(logged), told, 'log');
  }

  /** The events as published now; of a refusal, the part that the model has. */
  private async told(events: readonly LoggedEvent[]): Promise<ToldEvent[]> {
    const chatIds = [...new Set(events.flatMap(({ chatId }) => chatId ?? []))];
    const audiences = await new AudienceReader(this.store.log, HIDING, RECIPIENTS_MAX).read(chatIds);
    return events.map((logged) => {
      const context = { storeId: 'any', recipientsMax: RECIPIENTS_MAX };
      const { type, time, data } = renderEvent(logged, audiences.get(logged.chatId ?? '') ?? null, context);
      const { tenantId, actorId, commandId } = logged;
      const refused = 'reason' in data ? { tenantId, actorId, commandId, code: data.reason?.code } : data;
      return { type, sequence: logged.sequence, at: time, data: refused };
    });
  }

  /** Checks that both answers are equal, and returns the store's. */
  private async same<T>(what: string, answer: Promise<T>, expected: Promise<T>): Promise<T> {
    const got = await answer;
    expectSame(ordered(got), ordered(await expected), what);
    return got;
  }
}

/** Calls `chai` only for a difference, because it compares much slower. */
function expectSame(got: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(got, expected)) expect(got, what).to.deep.equal(expected);
}

/** The order of reactions is not defined. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (!Array.isArray(value))
    return Object.fromEntries(Object.entries(value).map(([name, content]) => [name, ordered(content)]));
  const items = value.map(ordered);
  return items.some((item) => ANY_ORDER.some((name) => Object.hasOwn(Object(item), name)))
    ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
    : items;
}

/** Reads pages until one is not full. */
async function pages<T>(size: number, ask: (last: T | null) => Promise<T[]>): Promise<void> {
  for (let page = await ask(null); page.length === size; ) page = await ask(page.at(-1) ?? null);
}
