import { expect } from 'chai';
import { directChatId } from '../../../../../src/contract/messages/direct-chat-id.js';
import { DeciderHarness, type Draft } from '../decider-harness.js';
import {
  add,
  archive,
  create,
  createDirect,
  GROUP,
  messageId,
  NOWHERE,
  react,
  remove,
  send,
  unarchive,
  update,
} from '../drafts.js';

/** A group of alice (owner), adam (admin), mary (member) and ruth (reader), called Tea. */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.given(
    create('alice', GROUP, ['mary'], { title: 'Tea', metadata: { a: 1, b: { c: [] } } }),
    add('alice', GROUP, ['adam'], 'admin'),
    add('alice', GROUP, ['ruth'], 'reader'),
  );
  return harness;
}

const code = (harness: DeciderHarness, draft: Draft) => harness.answer(draft).reason?.code;

describe('Changing a chat', () => {
  it('sets the given fields and keeps the others', () => {
    const harness = group();
    const before = structuredClone(harness.chat(GROUP));
    harness.now = new Date(harness.now.getTime() + 1);
    const [receipt] = harness.given(update('alice', GROUP, { title: 'Coffee' }));
    expect(receipt?.sequence).to.equal(4);
    expect(harness.chat(GROUP)).to.deep.equal({
      ...before,
      ...{ title: 'Coffee', lastSequence: 4, lastPosition: 4 },
    });
    expect(harness.log.at(-1)?.event).to.deep.equal({
      ...{ type: 'chat.updated', kind: 'group', title: 'Coffee', historyVisibility: 'full' },
      metadata: { a: 1, b: { c: [] } },
    });
  });

  it('replaces metadata as a whole; null clears it, and the title', () => {
    const harness = group();
    harness.given(update('alice', GROUP, { metadata: { z: 1 } }));
    expect(harness.chat(GROUP)).to.deep.include({ title: 'Tea', metadata: { z: 1 } });
    harness.given(update('alice', GROUP, { metadata: null, title: null }));
    expect(harness.chat(GROUP)).to.deep.include({ title: null, metadata: {}, lastSequence: 5 });
  });

  it('to its present values changes nothing', () => {
    const harness = group();
    const before = structuredClone(harness.chat(GROUP));
    for (const data of [...[{}, { title: 'Tea' }, { historyVisibility: 'full' }, { metadata: { b: { c: [] }, a: 1 } }]])
      expect(harness.answer(update('alice', GROUP, data)), JSON.stringify(data)).to.include({
        ...{ status: 'accepted', sequence: null },
      });
    expect(harness.chat(GROUP)).to.deep.equal(before);
    expect(harness.log).to.have.length(3);
  });

  it('ignores minus zero in metadata, which JSON does not keep', () => {
    const zero = (draft: Draft) => {
      const text = JSON.stringify(draft.body).replace('"a":0', '"a":-0');
      return { ...draft, properties: { body: Buffer.from(text) } };
    };
    for (const inOneBatch of [true, false]) {
      const harness = new DeciderHarness();
      const drafts = [
        zero(create('alice', GROUP, [], { metadata: { a: 0 } })),
        zero(update('alice', GROUP, { metadata: { a: 0 } })),
        update('alice', GROUP, { metadata: { a: 0 } }),
      ];
      const receipts = inOneBatch ? harness.answers(...drafts) : drafts.map((draft) => harness.answer(draft));
      expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([1, null, null]);
    }
  });

  it('several times in one batch adds up, each with its own sequence', () => {
    const harness = group();
    const receipts = harness.given(
      ...[update('alice', GROUP, { title: 'A' }), update('adam', GROUP, { title: 'B' })],
      ...[update('alice', GROUP, { title: 'B' }), update('alice', GROUP, { metadata: {} })],
    );
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([4, 5, null, 6]);
    expect(harness.chat(GROUP)).to.deep.include({ title: 'B', metadata: {}, lastSequence: 6, lastPosition: 6 });
    expect(harness.written?.chatsChanged).to.have.length(1);
  });

  it('is permitted to owners and admins, and to both users of a direct chat', () => {
    for (const [actor, expected] of [
      ...[['alice', undefined] as const, ['adam', undefined] as const],
      ...[['mary', 'not_permitted'] as const, ['ruth', 'not_permitted'] as const],
    ])
      expect(code(group(), update(actor, GROUP, { title: 'x' })), actor).to.equal(expected);
    const harness = new DeciderHarness();
    harness.given(createDirect('alice', 'bob'));
    const chatId = directChatId('default', 'alice', 'bob');
    harness.given(update('alice', chatId, { title: 'us' }), update('bob', chatId, { title: 'we' }));
    expect(harness.chat(chatId).title).to.equal('we');
  });

  it('is refused while it is archived', () => {
    const harness = group();
    harness.given(archive('alice', GROUP));
    expect(code(harness, update('alice', GROUP, { title: 'x' }))).to.equal('archived');
    expect(code(harness, update('mary', GROUP, { title: 'x' }))).to.equal('not_permitted');
    harness.given(unarchive('alice', GROUP), update('alice', GROUP, { title: 'x' }));
  });

  it('is not found for an unknown chat and for a non-member', () => {
    const harness = group();
    for (const draft of [update('alice', NOWHERE, {}), update('zoe', GROUP, {})])
      expect(harness.answer(draft).reason).to.include({
        code: 'not_found',
        detail: 'no such chat, or the actor is not in it',
      });
  });
});

describe('The history of a chat', () => {
  it('may be hidden from later members, and the sequence of the change is stored', () => {
    const harness = group();
    harness.given(update('alice', GROUP, { historyVisibility: 'since-joined' }));
    expect(harness.chat(GROUP)).to.include({ historyVisibility: 'since-joined', historySequence: 4 });
    expect(harness.log.at(-1)?.event).to.include({ historyVisibility: 'since-joined' });
    harness.given(update('alice', GROUP, { title: 'x', historyVisibility: 'since-joined' }));
    expect(harness.chat(GROUP).historySequence).to.equal(4);
    harness.given(update('alice', GROUP, { historyVisibility: 'full' }));
    expect(harness.chat(GROUP)).to.include({ historyVisibility: 'full', historySequence: 6 });
  });

  it('may be hidden from the start', () => {
    const harness = new DeciderHarness();
    harness.given(create('alice', GROUP, [], { historyVisibility: 'since-joined' }));
    expect(harness.chat(GROUP)).to.include({ historyVisibility: 'since-joined', historySequence: 0 });
    expect(harness.log[0]?.event).to.include({ historyVisibility: 'since-joined' });
  });

  it('that is hidden gives the refusals of unknown messages: replies, threads, reactions', () => {
    const harness = group();
    harness.idsToDraw.push(messageId(1), messageId(2));
    harness.given(
      ...[update('alice', GROUP, { historyVisibility: 'since-joined' }), send('alice', GROUP)],
      ...[add('alice', GROUP, ['late']), send('alice', GROUP)],
    );
    const uses = (id: string) => [
      ...[send('late', GROUP, 'x', { inReplyTo: id }), send('late', GROUP, 'x', { threadRootId: id })],
      react('late', GROUP, id),
    ];
    const reasonsOf = (id: string) => uses(id).map((draft) => harness.answer(draft).reason);
    expect(reasonsOf(messageId(1))).to.deep.equal(reasonsOf(NOWHERE));
    harness.given(...uses(messageId(2)));
    harness.given(update('alice', GROUP, { historyVisibility: 'full' }), ...uses(messageId(1)));
    harness.given(update('alice', GROUP, { historyVisibility: 'since-joined' }));
    // Who was there all along sees all of it.
    harness.given(send('mary', GROUP, 'x', { inReplyTo: messageId(1) }));
    // A member who leaves and is added again has a new joining.
    harness.given(remove('mary', GROUP, 'mary'), add('alice', GROUP, ['mary']));
    expect(code(harness, send('mary', GROUP, 'x', { inReplyTo: messageId(2) }))).to.equal('not_found');
  });
});
