import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type {
  Caller,
  ChatTraits,
  ChatView,
  VisibleChats,
} from '../../../../src/application/ports/queries/chat-queries.js';
import type { ChatStretch, Cut } from '../../../../src/application/ports/queries/sync-log.js';
import type { Chat, Member, Role } from '../../../../src/domain/chat.js';
import { membershipStatesEndedBy } from '../../../../src/domain/membership-state.js';
import { AT, aChat, aChatWithMessages, aMember, anEvent, Owner } from '../fixtures.js';
import type { OpenStore, StoreHarness } from '../store-conformance.js';

const EVERYTHING: ChatStretch = {
  start: { chatId: '00000000-0000-0000-0000-000000000000', inclusive: true },
  through: null,
};

/** Ids in the order in which they are walked. */
const idsInOrder = (count: number) => Array.from({ length: count }, () => randomUUID()).sort() as [string, ...string[]];

export function syncLogConformance(open: OpenStore): void {
  describe('as sync log', () => {
    let store: StoreHarness;
    let first: Owner;
    let second: Owner;
    let alice: Caller;
    before(async () => {
      store = await open();
      first = await Owner.of(store, 0);
      second = await Owner.of(store, 1);
    });
    beforeEach(() => {
      alice = { tenantId: 'default', userId: `alice-${randomUUID()}` };
    });
    after(() => store.close());

    /** A chat of alice with this many events, in a partition. */
    const chatOfAlice = async (owner: Owner, partition: number, events = 1, chatId: string = randomUUID()) => {
      const { chat } = await owner.write((at) => {
        const made = aChatWithMessages(at, events - 1, { chatId, partition, lastPosition: at + events });
        return { ...made, chatsCreated: [made.chat], membersPut: [aMember(made.chat, alice.userId)] };
      });
      return chat;
    };
    const changed = async (from: Cut | null, to: Cut, stretch = EVERYTHING, limit = 100) =>
      (await store.sync.changedChats(alice, 'all', { from, to }, stretch, limit)).map(({ chat }) => chat.chatId);

    it('cuts the log at the last position of each partition', async () => {
      const before = await store.sync.cut();
      await chatOfAlice(second, 1, 3);
      const after = await store.sync.cut();
      expect(before).to.deep.include({ imports: 0 });
      expect(after.positions.map((position, partition) => position - (before.positions[partition] ?? 0))).to.deep.equal(
        [0, 3, 0, 0],
      );
    });

    it("finds the caller's changed chats since a cut, by id, with the membership", async () => {
      const [a, b, c] = idsInOrder(3) as [string, string, string];
      const nothing = await store.sync.cut();
      await chatOfAlice(first, 0, 2, b);
      const later = await chatOfAlice(second, 1, 1, c);
      const between = await store.sync.cut();
      const last = await chatOfAlice(first, 0, 1, a);
      const now = await store.sync.cut();
      expect(await changed(null, now)).to.deep.equal([a, b, c]);
      expect(await changed(nothing, now)).to.deep.equal([a, b, c]);
      expect(await changed(between, now)).to.deep.equal([a]);
      expect(await changed(now, now)).to.deep.equal([]);
      expect(await store.sync.changedChats(alice, 'all', { from: between, to: now }, EVERYTHING, 9)).to.deep.equal([
        { chat: last, membership: aMember(last, alice.userId), importNumber: null, shownSequence: 0 },
      ]);
      const { userId } = alice;
      for (const other of [
        { tenantId: 'other', userId },
        { tenantId: 'default', userId: `${userId}x` },
      ])
        expect(await store.sync.changedChats(other, 'all', { from: null, to: now }, EVERYTHING, 9)).to.deep.equal([]);

      // What moves after the cut is not left out: it may have moved before it as well.
      const member = aMember(later, userId);
      await second.write((at) => ({
        chatsChanged: [{ ...later, lastSequence: 2, lastPosition: at + 1 }],
        events: [anEvent(at + 1, { type: 'chat.archived' }, { partition: 1, chatId: later.chatId, sequence: 2 })],
        membersPut: [member],
      }));
      expect(await changed(between, now)).to.deep.equal([a, c]);
    });

    it('reads only a range of chats, and returns the end of a number of them', async () => {
      const [a, b, c, d] = idsInOrder(4) as [string, string, string, string];
      for (const chatId of [c, a, d]) await chatOfAlice(first, 0, 1, chatId);
      const left = await chatOfAlice(first, 0, 1, b);
      await first.write((at) => ({
        membersRemoved: [{ ...alice, chatId: left.chatId, partition: 0, position: at + 1, mutedUntil: null }],
        events: [anEvent(at + 1, { type: 'chat.archived' })],
      }));
      const to = await store.sync.cut();
      const stretch = (chatId: string, inclusive: boolean, through: string | null = null): ChatStretch => ({
        start: { chatId, inclusive },
        through,
      });
      expect(await changed(null, to, stretch(a, true))).to.deep.equal([a, c, d]);
      expect(await changed(null, to, stretch(a, false))).to.deep.equal([c, d]);
      expect(await changed(null, to, stretch(a, true, c))).to.deep.equal([a, c]);
      expect(await changed(null, to, EVERYTHING, 2)).to.deep.equal([a, c]);
      // The chat that was left counts.
      expect(await store.sync.horizon(alice, EVERYTHING.start, 2)).to.equal(b);
      expect(await store.sync.horizon(alice, EVERYTHING.start, 4)).to.equal(d);
      expect(await store.sync.horizon(alice, EVERYTHING.start, 5)).to.equal(null);
      expect(await store.sync.horizon(alice, { chatId: b, inclusive: true }, 2)).to.equal(c);
      expect(await store.sync.horizon(alice, { chatId: b, inclusive: false }, 2)).to.equal(d);
    });

    it("finds a chat by the caller's read mark, once, and only within the window", async () => {
      const chat = await chatOfAlice(first, 0, 2);
      const before = await store.sync.cut();
      await first.write((at) => ({
        membersPut: [aMember(chat, alice.userId, { readSequence: 2, readOrdinal: 1, readPosition: at + 1 })],
        events: [anEvent(at + 1, { type: 'chat.read', userId: alice.userId, upTo: 2 }, { chatId: chat.chatId })],
      }));
      const after = await store.sync.cut();
      expect(await changed(before, after)).to.deep.equal([chat.chatId]);
      expect(await changed(before, before)).to.deep.equal([]);
      expect(await changed(after, after)).to.deep.equal([]);
    });

    it("does not find a chat by the caller's delivery mark", async () => {
      const chat = await chatOfAlice(first, 0, 2);
      const before = await store.sync.cut();
      await first.write((at) => ({
        membersPut: [aMember(chat, alice.userId, { deliveredSequence: 2 })],
        events: [anEvent(at + 1, { type: 'chat.delivered', userId: alice.userId, upTo: 2 }, { chatId: chat.chatId })],
      }));
      expect(await changed(before, await store.sync.cut())).to.deep.equal([]);
    });

    it('includes a chat without a partition', async () => {
      const chat = await chatOfAlice(first, 0, 2);
      const cut = await store.sync.cut();
      await first.write(() => ({ chatsChanged: [{ ...chat, partition: null }] }));
      // Where it stood may have been any partition: two of them have nothing yet.
      expect(await changed(cut, cut)).to.deep.equal([chat.chatId]);
      await second.write((at) => ({ chatsChanged: [{ ...chat, partition: 1, lastPosition: at + 1 }] }));
      expect(await changed(cut, cut)).to.deep.equal([chat.chatId]);
      await second.write((at) => ({ chatsChanged: [{ ...chat, partition: 1, lastPosition: at }] }));
      expect(await changed(cut, cut)).to.deep.equal([]);
    });

    it('returns chats that the caller left within the window, unless they returned', async () => {
      const [a, b, c] = idsInOrder(3) as [string, string, string];
      for (const chatId of [b, a]) await chatOfAlice(first, 0, 1, chatId);
      const back = await chatOfAlice(second, 1, 1, c);
      const before = await store.sync.cut();
      const leave = (owner: Owner, partition: number, chatId: string) =>
        owner.write((at) => ({
          membersRemoved: [{ ...alice, chatId, partition, position: at + 1, mutedUntil: null }],
          events: [anEvent(at + 1, { type: 'chat.archived' }, { partition })],
        }));
      await leave(first, 0, b);
      await leave(second, 1, c);
      const between = await store.sync.cut();
      await leave(first, 0, a);
      const after = await store.sync.cut();
      const left = async (from: Cut, to: Cut, limit = 9, stretch = EVERYTHING, who = alice) =>
        (await store.sync.lostChats(who, 'all', from, to, stretch, limit)).map(({ chatId }) => chatId);
      expect(await left(before, after)).to.deep.equal([a, b, c]);
      expect(await left(before, after, 2)).to.deep.equal([a, b]);
      expect(await left(before, between)).to.deep.equal([b, c]);
      expect(await left(between, after)).to.deep.equal([a]);
      expect(await left(after, after)).to.deep.equal([]);
      const stretch = { start: { chatId: a, inclusive: false }, through: b };
      expect(await left(before, after, 9, stretch)).to.deep.equal([b]);
      expect(await left(before, after, 9, EVERYTHING, { ...alice, userId: 'bob' })).to.deep.equal([]);
      await second.write(() => ({ membersPut: [aMember(back, alice.userId)] }));
      expect(await left(before, after)).to.deep.equal([a, b]);
    });

    describe('where a policy hides chats from their members', () => {
      const shown = (archived: boolean, role: Role): ChatTraits => ({ kind: 'group', archived, role });
      /** Members may see open chats, admins all; readers see none. */
      const visible = [shown(false, 'member'), shown(false, 'admin'), shown(true, 'admin')];

      /** What happens next in a chat, as the owner would write it. */
      const next = async (
        { chat, membership }: ChatView,
        change: { archived?: boolean; role?: Role; out?: boolean; back?: Role },
      ): Promise<ChatView> => {
        const sequence = chat.lastSequence + 1;
        const { chatId } = chat;
        const { archived, role, out, back } = change;
        const changed: ChatView = {
          chat: {
            ...{ ...chat, lastSequence: sequence },
            ...(archived === undefined ? {} : { archivedAt: archived ? AT : null, archiveSequence: sequence }),
          },
          membership: {
            ...membership,
            ...(role === undefined ? {} : { role, roleSequence: sequence }),
            ...(back === undefined ? {} : { role: back, joinedSequence: sequence, roleSequence: 0 }),
          },
        };
        await first.write((at) => {
          changed.chat.lastPosition = at + 1;
          return {
            chatsChanged: [changed.chat],
            membersPut: out ? [] : [changed.membership],
            membersRemoved: out ? [{ ...alice, chatId, partition: 0, position: at + 1, mutedUntil: null }] : [],
            membershipStatesEnded: (role === undefined && !out
              ? []
              : membershipStatesEndedBy(sequence, chat, membership)
            ).map((ended) => ({ ...alice, chatId, ...ended })),
            events: [anEvent(at + 1, { type: 'chat.archived' }, { chatId, sequence })],
          };
        });
        return changed;
      };
      const began = async (role: Role, over: Partial<Chat> = {}): Promise<ChatView> => {
        const { chat, membersPut } = await first.write((at) => {
          const made = aChatWithMessages(at, 0, { lastPosition: at + 1, ...over });
          return { ...made, chatsCreated: [made.chat], membersPut: [aMember(made.chat, alice.userId, { role })] };
        });
        return { chat, membership: membersPut[0] as Member };
      };
      const lost = (from: Cut, to: Cut, which: VisibleChats = visible, limit = 9, stretch = EVERYTHING) =>
        store.sync.lostChats(alice, which, from, to, stretch, limit);
      const shownSequence = async (which: VisibleChats) => {
        const window = { from: null, to: await store.sync.cut() };
        const chats = await store.sync.changedChats(alice, which, window, EVERYTHING, 9);
        return chats.map((chat) => chat.shownSequence);
      };

      it('returns a chat that became hidden within the window, marked as still a member', async () => {
        for (const hide of [
          (view: ChatView) => next(view, { role: 'reader' }),
          (view: ChatView) => next(view, { archived: true }),
        ]) {
          const view = await began('member');
          const { chatId } = view.chat;
          const before = await store.sync.cut();
          const hidden = await hide(view);
          const between = await store.sync.cut();
          await next(hidden, {});
          const after = await store.sync.cut();
          const told = [{ chatId, isMember: true }];
          expect(await lost(before, after)).to.deep.equal(told);
          expect(await lost(before, between)).to.deep.equal(told);
          expect(await lost(between, after)).to.deep.equal([]);
          expect(await lost(before, before), 'after the window').to.deep.equal([]);
          for (const which of ['all', 'none'] as const) expect(await lost(before, after, which)).to.deep.equal([]);
          const start = { chatId, inclusive: false };
          expect(await lost(before, after, visible, 9, { start, through: null })).to.deep.equal([]);
          alice = { ...alice, userId: `alice-${randomUUID()}` };
        }
      });

      it('returns nothing about a chat that was always hidden, after any change', async () => {
        const before = await store.sync.cut();
        const reader = await began('reader');
        const archived = await next(reader, { archived: true });
        const open = await next(archived, { archived: false });
        const owner = await next(open, { role: 'owner' });
        const out = await next(owner, { out: true });
        await next(out, { back: 'reader' });
        // Archived while it was hidden; the role by which it would have been seen came later.
        const late = await next(await began('reader'), { archived: true });
        await next(late, { role: 'member' });
        // Of another kind, none is visible.
        await next(await began('member', { kind: 'channel' }), { role: 'reader' });
        expect(await lost(before, await store.sync.cut())).to.deep.equal([]);
      });

      it('returns for a visible chat only when it became visible', async () => {
        const before = await store.sync.cut();
        const hidden = await next(await began('member'), { role: 'reader' });
        const back = await next(hidden, { role: 'member' });
        expect(await shownSequence(visible)).to.deep.equal([3]);
        const archived = await next(back, { archived: true });
        expect(await shownSequence(visible)).to.deep.equal([]);
        const open = await next(archived, { archived: false });
        expect(await shownSequence(visible)).to.deep.equal([5]);
        await next(open, { role: 'admin' });
        expect(await shownSequence(visible)).to.deep.equal([5]);
        expect(await shownSequence('all')).to.deep.equal([0]);
        expect(await lost(before, await store.sync.cut())).to.deep.equal([]);
      });

      it('returns a chat that was left, or hidden before it was left, by its last visible time', async () => {
        const [seen, hidden] = [await began('member'), await began('member')];
        const unseen = await began('reader');
        const before = await store.sync.cut();
        const reader = await next(hidden, { role: 'reader' });
        const between = await store.sync.cut();
        await next(seen, { out: true });
        const gone = await next(reader, { out: true });
        await next(unseen, { out: true });
        const after = await store.sync.cut();
        const ids = [seen.chat.chatId, hidden.chat.chatId].sort();
        const left = (chatIds: string[]) => chatIds.map((chatId) => ({ chatId, isMember: false }));
        expect(await lost(before, after)).to.deep.equal(left(ids));
        expect(await lost(before, after, visible, 1)).to.deep.equal(left(ids.slice(0, 1)));
        expect(await lost(before, between)).to.deep.equal(left([hidden.chat.chatId]));
        expect(await lost(between, after)).to.deep.equal(left([seen.chat.chatId]));
        // Back, but not to where it can be seen.
        await next(gone, { back: 'reader' });
        expect(await lost(before, between)).to.deep.equal([{ chatId: hidden.chat.chatId, isMember: true }]);
        await next({ ...seen, chat: { ...seen.chat, lastSequence: 2 } }, { back: 'member' });
        expect(await lost(between, after)).to.deep.equal([]);
      });
    });

    it('finds the first event of each chat after a cut, also across two partitions', async () => {
      const events = 37;
      const cuts: Cut[] = [];
      const chat = aChat({ lastSequence: 0 });
      await first.write(() => ({ chatsCreated: [chat], membersPut: [aMember(chat, alice.userId)] }));
      for (let sequence = 1; sequence <= events; sequence += 1) {
        cuts.push(await store.sync.cut());
        const partition = sequence <= 20 ? 0 : 1;
        await (partition === 0 ? first : second).write((at) => ({
          chatsChanged: [{ ...chat, partition, lastSequence: sequence, lastPosition: at + 1 }],
          events: [anEvent(at + 1, { type: 'chat.archived' }, { partition, chatId: chat.chatId, sequence })],
        }));
      }
      const other = await chatOfAlice(first, 0, 3);
      cuts.push(await store.sync.cut());
      for (const [index, cut] of cuts.entries()) {
        const found = await store.sync.firstBeyond(cut, [
          { chatId: chat.chatId, lastSequence: events },
          { chatId: other.chatId, lastSequence: 3 },
        ]);
        expect(Object.fromEntries(found)).to.deep.equal({
          [chat.chatId]: index + 1,
          [other.chatId]: index === events ? 4 : 1,
        });
      }
      // Of a partition that the cut knows nothing of, nothing is new.
      const unknown = await store.sync.firstBeyond({ positions: [], imports: 0 }, [
        { chatId: chat.chatId, lastSequence: events },
      ]);
      expect(unknown.get(chat.chatId)).to.equal(events + 1);
    });

    it('reads events of several chats by their ranges, with texts', async () => {
      const chatOfItsOwn = () =>
        first.write((at) => {
          const rows = aChatWithMessages(at, 6);
          return { ...rows, chatsCreated: [rows.chat] };
        });
      // One after the other: of two batches of a partition at a time one is contention.
      const one = await chatOfItsOwn();
      const two = await chatOfItsOwn();
      const { events: read, isComplete } = await store.sync.eventsIn([
        { chatId: two.chat.chatId, first: 3, last: 5 },
        { chatId: one.chat.chatId, first: 7, last: 7 },
      ]);
      expect(read.get(two.chat.chatId)).to.deep.equal(two.events.slice(2, 5));
      expect(read.get(one.chat.chatId)).to.deep.equal(one.events.slice(6));
      expect(isComplete).to.equal(true);
    });
  });
}
