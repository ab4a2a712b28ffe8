import { expect } from 'chai';
import { DeciderHarness, type Draft } from '../decider-harness.js';
import {
  add,
  archive,
  create,
  createDirect,
  edit,
  erase,
  GROUP,
  messageId,
  NOWHERE,
  react,
  read,
  remove,
  send,
  unarchive,
  unreact,
  update,
  updateMember,
} from '../drafts.js';

const M1 = messageId(1);

/**
 * A group of alice (owner), adam (admin), mary (member) and ruth (reader); mary has said M1 as number 4, and reacted as
 * number 5.
 */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.idsToDraw.push(M1);
  harness.given(
    create('alice', GROUP, ['mary']),
    add('alice', GROUP, ['adam'], 'admin'),
    add('alice', GROUP, ['ruth'], 'reader'),
    send('mary', GROUP),
    react('mary', GROUP, M1),
  );
  return harness;
}

const code = (harness: DeciderHarness, draft: Draft) => harness.answer(draft).reason?.code;

describe('Archiving a chat', () => {
  it('takes the next sequence', () => {
    const harness = group();
    const [receipt] = harness.given(archive('alice', GROUP));
    expect(receipt?.sequence).to.equal(6);
    expect(harness.chat(GROUP)).to.deep.include({ archivedAt: harness.now, lastSequence: 6 });
    expect(harness.log.at(-1)).to.deep.include({ sequence: 6, event: { type: 'chat.archived' } });
  });

  it('that is archived already changes nothing, not even the time', () => {
    const harness = group();
    harness.given(archive('alice', GROUP));
    const before = structuredClone(harness.chat(GROUP));
    harness.now = new Date(harness.now.getTime() + 1);
    expect(harness.answer(archive('adam', GROUP))).to.include({ status: 'accepted', sequence: null });
    expect(harness.chat(GROUP)).to.deep.equal(before);
  });

  it('and unarchiving it in one batch are two events', () => {
    const harness = group();
    const receipts = harness.given(archive('alice', GROUP), archive('alice', GROUP), unarchive('adam', GROUP));
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([6, null, 7]);
    expect(harness.chat(GROUP).archivedAt).to.equal(null);
  });

  it('takes effect at once: later commands of the same batch are refused', () => {
    const harness = group();
    const [, said] = harness.answers(archive('alice', GROUP), send('mary', GROUP));
    expect(said?.reason).to.include({ code: 'archived', detail: 'the chat is archived' });
  });

  it('refuses messages, edits, reactions, new members, removals by others, roles and the title', () => {
    const harness = group();
    harness.given(archive('alice', GROUP));
    for (const draft of [
      send('mary', GROUP),
      edit('mary', GROUP, M1, {}),
      react('alice', GROUP, M1),
      unreact('mary', GROUP, M1),
      add('alice', GROUP, ['zoe']),
      remove('alice', GROUP, 'ruth'),
      updateMember('alice', GROUP, 'mary', { role: 'admin' }),
      update('alice', GROUP, { title: 'x' }),
    ])
      expect(code(harness, draft), draft.type).to.equal('archived');
    expect(harness.chat(GROUP).lastSequence).to.equal(6);
  });

  it('permits reading, leaving and deleting messages', () => {
    const harness = group();
    harness.given(archive('alice', GROUP));
    harness.given(
      ...[read('alice', GROUP, 6), erase('mary', GROUP, M1), erase('mary', GROUP, M1, 'hard')],
      remove('mary', GROUP, 'mary'),
    );
    expect(harness.chat(GROUP)).to.include({ memberCount: 3, lastSequence: 9 });
  });

  for (const [what, draftOf] of [
    ['archiving', archive],
    ['unarchiving', unarchive],
  ] as const) {
    it(`is permitted to owners and admins, and to both users of a direct chat (${what})`, () => {
      const harness = group();
      for (const actor of ['mary', 'ruth'])
        expect(code(harness, draftOf(actor, GROUP)), actor).to.equal('not_permitted');
      harness.given(draftOf('alice', GROUP), draftOf('adam', GROUP));
      const chatId = harness.given(createDirect('alice', 'bob'))[0]?.chatId ?? '';
      harness.given(archive('alice', chatId), draftOf('bob', chatId));
    });

    it(`is not found for an unknown chat and for a non-member (${what})`, () => {
      const harness = group();
      for (const draft of [draftOf('alice', NOWHERE), draftOf('zoe', GROUP)])
        expect(code(harness, draft)).to.equal('not_found');
    });
  }
});

describe('Unarchiving a chat', () => {
  it('takes the next sequence, and permits messages', () => {
    const harness = new DeciderHarness();
    harness.given(create('alice', GROUP, ['bob']), archive('alice', GROUP));
    const [receipt] = harness.given(unarchive('alice', GROUP));
    expect(receipt?.sequence).to.equal(3);
    expect(harness.chat(GROUP)).to.include({ archivedAt: null, lastSequence: 3 });
    expect(harness.log.at(-1)).to.deep.include({ sequence: 3, event: { type: 'chat.unarchived' } });
    harness.given(send('bob', GROUP));
  });

  it('changes nothing if it is not archived', () => {
    const harness = new DeciderHarness();
    harness.given(create('alice', GROUP, []));
    const before = structuredClone(harness.chat(GROUP));
    expect(harness.answer(unarchive('alice', GROUP))).to.include({ status: 'accepted', sequence: null });
    expect(harness.chat(GROUP)).to.deep.equal(before);
    expect(harness.log).to.have.length(1);
  });
});
