import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { DomainEvent } from '../../../src/domain/event.js';
import {
  aChat,
  aChatWithMessages,
  aMember,
  aMessage,
  anEvent,
  aUser,
  created,
  later,
  Owner,
  trickyMetadata,
} from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const ALL = 1_000;

/** JSON values. The store must return them deeply equal, and the written bytes unchanged. */
const asJson = (metadata: object) => JSON.parse(JSON.stringify(metadata));

export function eventLogConformance(open: OpenStore): void {
  describe('as event log', () => {
    let store: StoreHarness;
    let owner: Owner;
    before(async () => {
      store = await open();
    });
    beforeEach(async () => {
      owner = await Owner.of(store);
    });
    after(() => store.close());

    it('has a constant store id', async () => {
      const id = await store.log.storeId();
      expect(id).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(await store.log.storeId()).to.equal(id);
    });

    const members = [
      { userId: 'bob', role: 'owner' as const },
      { userId: 'Zed', role: 'reader' as const },
    ];
    const eventsOfAChat: DomainEvent[] = [
      {
        type: 'chat.created',
        kind: 'channel',
        title: null,
        historyVisibility: 'since-joined',
        metadata: trickyMetadata(),
        members,
      },
      {
        type: 'chat.created',
        kind: 'group',
        title: 'Zoë "\\ {},',
        historyVisibility: 'full',
        metadata: {},
        members: [],
      },
      { type: 'member.added', members },
      { type: 'member.removed', userId: 'bob', left: true },
    ];
    const eventsOfNone: DomainEvent[] = [
      { type: 'user.upserted', user: aUser('alice', { metadata: trickyMetadata(), updatedAt: later(9), revision: 3 }) },
      {
        type: 'user.upserted',
        user: aUser('alice', { avatarUrl: 'https://example.org/a', kind: 'service', presence: 'hidden' }),
      },
      {
        type: 'command.rejected',
        receipt: { b: 1, a: { '2': null, '10': [] }, reason: { code: 'muted', detail: 'é' } },
      },
    ];
    const forRoundTrip = [
      ...eventsOfAChat.map((event) => ({ event, chatId: randomUUID() as string | null, sequence: 1 as number | null })),
      ...eventsOfNone.map((event) => ({ event, chatId: null, sequence: null })),
    ];
    for (const [index, { event, chatId, sequence }] of forRoundTrip.entries()) {
      it(`returns a ${event.type} as written (${index})`, async () => {
        const { events } = await owner.write((at) => ({
          events: [
            anEvent(at + 1, event, { chatId, sequence, actorId: 'bob', commandId: `c-${index}`, at: later(index) }),
          ],
        }));
        const [written] = events;
        const [read] = await store.log.readEvents(0, (written?.position ?? 0) - 1, ALL);
        expect(JSON.stringify(read)).to.equal(JSON.stringify(written));
        expect(read).to.deep.equal({ ...written, event: withJson(event) });
      });
    }

    it('returns a message.created as written, for any message', async () => {
      const chat = aChat();
      const full = aMessage(chat, 2, {
        body: 'Zoë 👩‍👩‍👧 "quoted" \\ {a,b} NULL\n\u2028',
        inReplyTo: randomUUID(),
        threadRootId: randomUUID(),
        contentType: 'text/markdown',
        mentions: ['bob', 'a,b'],
        attachments: [{ url: 'https://example.org/ü?a="1"', mediaType: 'image/png', size: 2 ** 40, name: 'ü "1".png' }],
        metadata: trickyMetadata(),
        senderId: 'carol',
        createdAt: later(1),
      });
      const plain = aMessage(chat, 3);
      const { events } = await owner.write((at) => ({
        chatsCreated: [chat],
        messages: [full, plain],
        events: [created(at + 1, full, { actorId: 'carol' }), created(at + 2, plain)],
      }));
      const read = await store.log.readEvents(0, (events[0]?.position ?? 0) - 1, ALL);
      expect(JSON.stringify(read)).to.equal(JSON.stringify(events));
      const withMetadata = { ...full, metadata: asJson(full.metadata) };
      expect(read[0]?.event).to.deep.equal({ type: 'message.created', message: withMetadata });
      expect(read[1]).to.deep.equal(events[1]);
    });

    it('stores the trace context', async () => {
      const traced = {
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        tracestate: 'vendor=a,b="c"',
      };
      const { events } = await owner.write((at) => ({
        events: [anEvent(at + 1, { type: 'command.rejected', receipt: {} }, traced)],
      }));
      const [read] = await store.log.readEvents(0, (events[0]?.position ?? 0) - 1, ALL);
      expect(read).to.deep.include(traced);
    });

    it('reads one partition in position order, after a position, up to a limit', async () => {
      const other = await Owner.of(store, 1);
      const write = (by: Owner, partition: number) =>
        by.write((at) => {
          const { chat, messages, events } = aChatWithMessages(at, 4, { partition });
          return { chatsCreated: [chat], messages, events };
        });
      const { events } = await write(owner, 0);
      await write(other, 1);
      const start = events[0]?.position ?? 0;
      const positions = async (after: number, limit: number) =>
        (await store.log.readEvents(0, after, limit)).map(({ position }) => position);
      expect(await positions(start - 1, ALL)).to.deep.equal([start, start + 1, start + 2, start + 3, start + 4]);
      expect(await positions(start, 2)).to.deep.equal([start + 1, start + 2]);
      expect(await positions(start + 4, ALL)).to.deep.equal([]);
      expect(await store.log.readEvents(3, 0, ALL)).to.deep.equal([]);
      expect((await store.log.readEvents(1, 0, ALL)).every(({ partition }) => partition === 1)).to.equal(true);
    });

    it('returns the members of many chats in code-unit order, if they are not too many', async () => {
      const ids = ['b', 'B', 'a-1', 'a.1', 'a_1', '10', '9'];
      const full = aChat({ memberCount: ids.length });
      const small = aChat({ memberCount: 1, kind: 'channel', historyVisibility: 'since-joined', archivedAt: later(1) });
      const empty = aChat({ memberCount: 0 });
      await owner.write(() => ({
        chatsCreated: [full, small, empty],
        membersPut: [
          ...ids.map((id, index) => aMember(full, id, { joinedSequence: 10 * index + 1 })),
          aMember(small, 'alice', { role: 'reader', joinedSequence: 7 }),
        ],
      }));
      const chatIds = [full, small, empty].map(({ chatId }) => chatId);
      const sorted = ['10', '9', 'B', 'a-1', 'a.1', 'a_1', 'b'];
      const group = { tenantId: 'default', kind: 'group', archived: false, historyVisibility: 'full' };
      const members = sorted.map((userId) => ({
        userId,
        role: 'member',
        joinedSequence: 10 * ids.indexOf(userId) + 1,
      }));
      expect(await store.log.recipients([...chatIds, randomUUID()], ids.length, false)).to.deep.equal(
        new Map([
          [full.chatId, { ...group, memberCount: 7, members }],
          [
            small.chatId,
            {
              ...{ tenantId: 'default', kind: 'channel', archived: true, historyVisibility: 'since-joined' },
              ...{ memberCount: 1, members: [{ userId: 'alice', role: 'reader', joinedSequence: 7 }] },
            },
          ],
          [empty.chatId, { ...group, memberCount: 0, members: [] }],
        ]),
      );
      expect((await store.log.recipients(chatIds, ids.length - 1, false)).get(full.chatId)).to.deep.equal({
        ...group,
        memberCount: 7,
        members: null,
      });
      expect((await store.log.recipients([], ALL, false)).size).to.equal(0);
    });

    it("returns members' profiles if requested", async () => {
      const chat = aChat({ memberCount: 2 });
      const known = `zoe-${randomUUID()}`;
      const claims = { guest: true, 'a"b': ['x', 'y'], level: 3 };
      await owner.write(() => ({
        users: [{ user: aUser(known, { kind: 'bot', claims }), previousRevision: 0 }],
        chatsCreated: [chat],
        membersPut: [aMember(chat, known, { joinedSequence: 2 }), aMember(chat, 'nobody-special')],
      }));
      const found = (await store.log.recipients([chat.chatId], ALL, true)).get(chat.chatId);
      expect(found?.members).to.deep.equal([
        { userId: 'nobody-special', role: 'member', joinedSequence: 1, profile: null },
        { userId: known, role: 'member', joinedSequence: 2, profile: { kind: 'bot', claims } },
      ]);
      expect((await store.log.recipients([chat.chatId], 1, true)).get(chat.chatId)?.members).to.equal(null);
    });
  });
}

/** The event with its free JSON as JSON has it: `-0` is `0` on paper. */
function withJson(event: DomainEvent): DomainEvent {
  if (event.type === 'chat.created') return { ...event, metadata: asJson(event.metadata) };
  if (event.type === 'user.upserted')
    return { ...event, user: { ...event.user, metadata: asJson(event.user.metadata) } };
  return event;
}
