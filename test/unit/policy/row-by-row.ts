/**
 * What a caller is given by lists, counts, search and sync, held against what deciding about one row after another
 * says.
 */
import { expect } from 'chai';
import { chatQueryHandlers } from '../../../src/adapters/apis/http/handlers/chat-query-handlers.js';
import { searchHandlers } from '../../../src/adapters/apis/http/handlers/search-handlers.js';
import type { Call } from '../../../src/adapters/apis/http/middleware/request-context.js';
import { Cursors } from '../../../src/adapters/apis/http/paging/cursor.js';
import { CaslDecisionPoint } from '../../../src/adapters/policy/casl-decision-point.js';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import type { PolicyDocument } from '../../../src/application/policy/policy-document.js';
import { ChatViewing, fingerprintOf } from '../../../src/application/policy/view-chat.js';
import type { Caller, ChatListFilter } from '../../../src/application/ports/queries/chat-queries.js';
import type { Cut } from '../../../src/application/ports/queries/sync-log.js';
import { ChatSync, type SyncItem, type SyncProgress } from '../../../src/application/queries/sync-chats.js';
import type { RestOperationName, RestQuery } from '../../../src/contract/rest/operations.js';
import type { Claims } from '../../../src/domain/user.js';
import type { StoreHarness } from '../../conformance/store/store-conformance.js';
import { COMMON_WORD, type LeftRow, type Row, type World } from './random-world.js';

/** One policy, and how one asks. */
export interface Trial {
  document: PolicyDocument;
  /** What the callers' tokens say; null: they show none. */
  token: Claims | null;
  limit: number;
  filter: ChatListFilter;
}

export interface Tally {
  /** Row by row. */
  decisions: number;
  permitted: number;
  /** By what the store was given. */
  filters: { all: number; none: number; some: number };
}

export const ABSENT_CHAT = '00000000-0000-4000-8000-000000000000';
const newestFirst = (a: Date, b: Date) => b.getTime() - a.getTime();
const byId = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Reads all pages of a list. All but the last are full, and only the last has no next cursor. */
function pagesOf<T>(items: readonly T[], limit: number): T[][] {
  const pages: T[][] = [];
  for (let at = 0; at === 0 || at < items.length; at += limit) pages.push(items.slice(at, at + limit));
  return pages;
}

export class RowByRow {
  private readonly viewing: ChatViewing;
  private readonly point: CaslDecisionPoint;
  private readonly cursors = new Cursors('signs cursors');

  constructor(
    private readonly store: StoreHarness,
    private readonly world: World,
    private readonly trial: Trial,
    private readonly tally: Tally,
  ) {
    this.point = new CaslDecisionPoint(trial.document);
    this.viewing = new ChatViewing(store.queries, new PolicyEnforcementPoint(this.point), store.decisions);
  }

  async compare(): Promise<void> {
    for (const person of this.world.people) {
      const { tenantId, userId } = person;
      const { token } = this.trial;
      const caller: Caller = { tenantId, userId, ...(token === null ? {} : { token }) };
      const visible = await this.viewing.visibleTo(caller);
      this.tally.filters[typeof visible === 'string' ? visible : 'some'] += 1;
      const own = this.world.rows.filter((row) => row.userId === userId && row.chat.tenantId === tenantId);
      const isPermitted = (row: Row) => this.decide(person, row);
      await this.list(caller, own.filter(isPermitted));
      await this.unread(caller, own.filter(isPermitted));
      await this.search(
        caller,
        own.flatMap((row) => row.messages.filter(() => isPermitted(row))),
      );
      await this.sync(caller, null, own.filter(isPermitted), []);
      const left = this.world.left
        .filter((row) => row.userId === userId && row.chat.tenantId === tenantId)
        .filter((row) => this.decide(person, row));
      await this.sync(caller, this.world.middle, own.filter((row) => row.isLate).filter(isPermitted), left);
      await this.view(caller, own, isPermitted);
    }
  }

  /** With all attributes of the caller, also those that no rule names. */
  private decide({ tenantId, userId, profile }: World['people'][number], { chat, role }: LeftRow): boolean {
    const { effect } = this.point.decide({
      action: 'chat.view',
      actor: {
        ...{ tenantId, userId, token: this.trial.token },
        ...{ kind: profile?.kind ?? 'human', claims: profile?.claims ?? {} },
      },
      chat: { kind: chat.kind, archived: chat.archivedAt !== null },
      role,
      ...{
        producer: null,
        target: null,
        grantedRole: null,
        message: null,
        text: null,
        deleteMode: null,
        profile: null,
      },
    });
    this.tally.decisions += 1;
    if (effect === 'permit') this.tally.permitted += 1;
    return effect === 'permit';
  }

  private async list(caller: Caller, permitted: Row[]): Promise<void> {
    const { filter, limit } = this.trial;
    const { listChats } = chatQueryHandlers(this.store.queries, this.viewing, this.cursors);
    const expected = permitted
      .map(({ chat }) => chat)
      .filter(({ kind }) => kind === (filter.kind ?? kind))
      .filter(({ archivedAt }) => (archivedAt !== null) === (filter.archived ?? archivedAt !== null))
      .sort((a, b) => newestFirst(a.lastActivityAt, b.lastActivityAt) || byId(a.chatId, b.chatId));
    let cursor: string | null = null;
    for (const [index, page] of pagesOf(expected, limit).entries()) {
      const query: RestQuery<'listChats'> = { limit, hidden: false, ...filter, ...(cursor === null ? {} : { cursor }) };
      const body = bodyOf<{ chatId: string }>(await listChats(callOf('listChats', caller, query)));
      expect(body.items.map(({ chatId }) => chatId)).to.deep.equal(page.map(({ chatId }) => chatId));
      const last = page.at(-1);
      const isLast = (index + 1) * limit >= expected.length;
      // As it would be signed where nothing is hidden: it says where the page ended and where the list began, and that
      // is all.
      const selection = ['listChats', filter.kind ?? null, filter.archived ?? null, false];
      const places = [last, expected[0]].flatMap((chat) =>
        chat === undefined ? [] : [chat.lastActivityAt.toISOString(), chat.chatId],
      );
      const next = isLast ? null : this.cursors.sign(caller, selection, places);
      expect(body.nextCursor).to.equal(next);
      this.expectNothingElse(body, permitted);
      cursor = body.nextCursor;
    }
  }

  private async unread(caller: Caller, permitted: Row[]): Promise<void> {
    const unread = permitted.map((row) => row.unread).filter((count) => count > 0);
    expect(await this.store.queries.countUnread(caller, await this.viewing.visibleTo(caller))).to.deep.equal({
      unreadCount: unread.reduce((sum, count) => sum + count, 0),
      chatCount: unread.length,
    });
  }

  private async search(caller: Caller, permitted: Row['messages']): Promise<void> {
    const { limit } = this.trial;
    const { searchMessages } = searchHandlers(this.store.search, this.viewing, this.cursors);
    const expected = permitted.toSorted(
      (a, b) => newestFirst(a.createdAt, b.createdAt) || byId(b.messageId, a.messageId),
    );
    let cursor: string | null = null;
    for (const [index, page] of pagesOf(expected, limit).entries()) {
      const query: RestQuery<'searchMessages'> = { q: COMMON_WORD, limit, ...(cursor === null ? {} : { cursor }) };
      const answer = await searchMessages(callOf('searchMessages', caller, query));
      const body = bodyOf<{ message: { messageId: string } }>(answer);
      expect(body.items.map(({ message }) => message.messageId)).to.deep.equal(page.map(({ messageId }) => messageId));
      expect(body.nextCursor === null).to.equal((index + 1) * limit >= expected.length);
      this.expectNothingElse(
        body,
        this.world.rows.filter(({ chat }) => permitted.some(({ chatId }) => chatId === chat.chatId)),
      );
      cursor = body.nextCursor;
    }
  }

  private async sync(caller: Caller, from: Cut | null, permitted: Row[], left: LeftRow[]): Promise<void> {
    const { limit } = this.trial;
    const sync = new ChatSync(this.store.sync, this.viewing);
    const sequences = new Map<string, number[] | 'left'>();
    const shown = fingerprintOf(await this.viewing.visibleTo(caller));
    let progress: SyncProgress = { from, shown, walk: null };
    for (let hasMore = true; hasMore; ) {
      const page = await sync.page(caller, progress, limit);
      if (page === null) throw new Error('this store knows its own cuts');
      for (const item of page.items) {
        const had = sequences.get(item.chatId) ?? [];
        sequences.set(item.chatId, had === 'left' || 'left' in item ? 'left' : [...had, ...eventsOf(item)]);
      }
      const events = page.items.reduce((sum, item) => sum + eventsOf(item).length, 0);
      if (page.hasMore) expect(Math.max(page.items.length, events), 'a page that another follows').to.equal(limit);
      this.expectNothingElse(page, [...permitted, ...left]);
      progress = page.next;
      hasMore = page.hasMore;
    }
    const expected = permitted.map(({ chat: { chatId, lastSequence } }): [string, number[] | 'left'] => [
      chatId,
      Array.from({ length: lastSequence }, (_, n) => n + 1),
    ]);
    for (const { chat } of left) expected.push([chat.chatId, 'left']);
    expect([...sequences]).to.deep.equal(expected.sort(([a], [b]) => byId(a, b)));
  }

  /** Each chat there is, the other tenant's too. */
  private async view(caller: Caller, own: Row[], isPermitted: (row: Row) => boolean): Promise<void> {
    const absent = await this.viewing.viewChat(caller, ABSENT_CHAT);
    for (const { chatId } of this.world.chats) {
      const row = own.find(({ chat }) => chat.chatId === chatId);
      const viewed = await this.viewing.viewChat(caller, chatId);
      if (row === undefined) expect(viewed).to.deep.equal(absent);
      else if (isPermitted(row)) expect(viewed.outcome).to.equal('visible');
      else {
        if (viewed.outcome !== 'refused' || viewed.decisionId === null) throw new Error('refused, with a decision');
        expect(viewed.refusal.code).to.equal('not_permitted');
        const kept = await this.store.decisions.find(viewed.decisionId);
        expect(kept).to.include({ effect: 'deny', action: 'chat.view', chatId, commandId: null });
      }
    }
  }

  /** Contains no id and no text of any other chat, also in cursors. */
  private expectNothingElse(answer: unknown, permitted: LeftRow[]): void {
    const told = JSON.stringify(answer).replaceAll('-', '');
    const mine = new Set(permitted.map(({ chat }) => chat.chatId));
    for (const { chatId } of this.world.chats)
      if (!mine.has(chatId)) expect(told.includes(chatId.replaceAll('-', '')), `${chatId} is told of`).to.equal(false);
  }
}

function eventsOf(item: SyncItem): number[] {
  return 'left' in item ? [] : item.events.map(({ sequence }) => sequence ?? 0);
}

/** With the cursor as one can read it. */
function bodyOf<T>({ status, body }: { status: number; body: unknown }) {
  expect(status).to.equal(200);
  const page = body as { items: T[]; nextCursor: string | null };
  const payload = page.nextCursor?.split('.')[0] ?? '';
  return { ...page, position: Buffer.from(payload, 'base64url').toString('utf8') };
}

/** As an endpoint would call a handler. */
function callOf<O extends RestOperationName>(operation: O, caller: Caller, query: RestQuery<O>): Call<O> {
  return {
    ...{ operation, caller, query, path: {} as Call<O>['path'] },
    ...{ body: undefined, authorization: '', idempotencyKey: undefined, onCommand: () => undefined },
    trace: { traceId: '', traceparent: '', tracestate: null },
  };
}
