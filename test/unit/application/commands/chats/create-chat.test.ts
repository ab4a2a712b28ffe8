import { expect } from 'chai';
import { directChatId } from '../../../../../src/contract/messages/direct-chat-id.js';
import { DeciderHarness } from '../decider-harness.js';
import { CHANNEL, create, createDirect, GROUP, send } from '../drafts.js';

const DIRECT = directChatId('default', 'alice', 'bob');
const rolesIn = (harness: DeciderHarness, chatId: string) =>
  Object.fromEntries([...harness.members.values()].filter((m) => m.chatId === chatId).map((m) => [m.userId, m.role]));

describe('Creating a chat', () => {
  for (const [kind, chatId] of [
    ['group', GROUP],
    ['channel', CHANNEL],
  ] as const)
    it(`makes the creator of a ${kind} its owner and the others members, with sequence 1`, () => {
      const harness = new DeciderHarness();
      const [receipt] = harness.given(
        create('alice', chatId, ['bob', 'carol'], { kind, title: 'Tea', metadata: { a: 1 } }),
      );
      expect(receipt).to.include({ chatId, sequence: 1, messageId: null, replayed: false });
      expect(receipt?.decisionId).to.be.a('string');
      expect(harness.chat(chatId)).to.deep.equal({
        chatId,
        tenantId: 'default',
        partition: 3,
        kind,
        title: 'Tea',
        metadata: { a: 1 },
        createdBy: 'alice',
        createdAt: harness.now,
        archivedAt: null,
        archiveSequence: 0,
        lastSequence: 1,
        lastOrdinal: 0,
        memberCount: 3,
        ownerCount: 1,
        lastActivityAt: harness.now,
        historyVisibility: 'full',
        historySequence: 0,
        lastPosition: 1,
      });
      expect(rolesIn(harness, chatId)).to.deep.equal({ alice: 'owner', bob: 'member', carol: 'member' });
      expect(harness.log.map(({ event }) => event)).to.deep.equal([
        {
          type: 'chat.created',
          kind,
          title: 'Tea',
          historyVisibility: 'full',
          metadata: { a: 1 },
          members: [
            { userId: 'alice', role: 'owner' },
            { userId: 'bob', role: 'member' },
            { userId: 'carol', role: 'member' },
          ],
        },
      ]);
    });

  it('removes duplicates and the creator from the other members', () => {
    const harness = new DeciderHarness();
    harness.given(create('alice', GROUP, ['bob', 'alice', 'bob']));
    expect(rolesIn(harness, GROUP)).to.deep.equal({ alice: 'owner', bob: 'member' });
    expect(harness.chat(GROUP).memberCount).to.equal(2);
  });

  it('needs no other members, title or metadata', () => {
    const harness = new DeciderHarness();
    harness.given(create('alice', GROUP, []));
    expect(harness.chat(GROUP)).to.deep.include({ memberCount: 1, title: null, metadata: {} });
  });

  it('counts nothing as unread for its first members', () => {
    const harness = new DeciderHarness();
    harness.given(create('alice', GROUP, ['bob']));
    expect(harness.member(GROUP, 'bob')).to.include({ joinedSequence: 1, readSequence: 1, readOrdinal: 0 });
  });

  for (const [what, drafts] of Object.entries({
    'by the same user': [create('alice', GROUP, []), create('alice', GROUP, [])],
    'by another user': [create('alice', GROUP, []), create('mallory', GROUP, [])],
    'as another kind': [create('alice', GROUP, []), create('alice', GROUP, [], { kind: 'channel' })],
    'in another tenant': [create('alice', GROUP, []), create('alice', GROUP, [], {}, { tenantId: 'acme' })],
  }))
    it(`is a conflict if the id is taken, and changes nothing (${what})`, () => {
      for (const together of [true, false]) {
        const harness = new DeciderHarness();
        const receipts = together ? harness.answers(...drafts) : drafts.map((draft) => harness.answer(draft));
        expect(receipts[1]).to.deep.include({ status: 'rejected', sequence: null });
        expect(receipts[1]?.reason).to.include({ code: 'conflict', detail: 'the chat id is taken' });
        expect(harness.chat(GROUP)).to.include({
          lastSequence: 1,
          kind: 'group',
          tenantId: 'default',
          createdBy: 'alice',
        });
        expect(harness.log).to.have.length(1);
      }
    });
});

describe('Creating a direct chat', () => {
  it('gives both users the same role, and no owner', () => {
    const harness = new DeciderHarness();
    expect(harness.given(createDirect('alice', 'bob'))[0]).to.include({ chatId: DIRECT, sequence: 1 });
    expect(rolesIn(harness, DIRECT)).to.deep.equal({ alice: 'member', bob: 'member' });
    expect(harness.chat(DIRECT)).to.include({ kind: 'direct', memberCount: 2, ownerCount: 0 });
  });

  it('again, by either user, is accepted and changes nothing', () => {
    for (const again of [createDirect('alice', 'bob'), createDirect('bob', 'alice')]) {
      const harness = new DeciderHarness();
      harness.given(createDirect('alice', 'bob'), send('bob', DIRECT));
      const before = structuredClone(harness.chat(DIRECT));
      const receipt = harness.answer(again);
      expect(receipt).to.include({ status: 'accepted', chatId: DIRECT, sequence: null, replayed: false });
      expect(harness.chat(DIRECT)).to.deep.equal(before);
      expect(harness.log).to.have.length(2);
    }
  });

  it('by both users in the same batch makes one chat', () => {
    const harness = new DeciderHarness();
    const receipts = harness.given(createDirect('bob', 'alice'), createDirect('alice', 'bob'));
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([1, null]);
    expect(harness.chat(DIRECT)).to.include({ createdBy: 'bob', memberCount: 2 });
  });

  it('with oneself is a chat with one member', () => {
    const harness = new DeciderHarness();
    const [receipt] = harness.given(createDirect('alice', 'alice'));
    expect(harness.chat(receipt?.chatId ?? '')).to.include({ kind: 'direct', memberCount: 1, ownerCount: 0 });
  });

  it('is another chat in another tenant', () => {
    const harness = new DeciderHarness();
    const receipts = harness.given(createDirect('alice', 'bob'), createDirect('alice', 'bob', { tenantId: 'acme' }));
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([1, 1]);
    expect([...harness.chats.values()].map(({ tenantId }) => tenantId)).to.deep.equal(['default', 'acme']);
  });

  it('has an id that no group or channel can take, or reveal', () => {
    const harness = new DeciderHarness();
    const take = () =>
      harness.answers(...['group', 'channel'].map((kind) => create('mallory', DIRECT, ['alice'], { kind })));
    const free = take();
    harness.given(createDirect('alice', 'bob'));
    for (const { reason } of [...free, ...take()])
      expect(reason).to.deep.include({
        code: 'invalid',
        violations: [
          { path: 'chatId', message: 'must not be a UUID of version 5, which is reserved for direct chats' },
        ],
      });
  });
});
