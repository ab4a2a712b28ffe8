import { expect } from 'chai';
import { reactionKey } from '../../../../../src/application/ports/store/command-store.js';
import { DeciderHarness } from '../decider-harness.js';
import {
  add,
  archive,
  CHANNEL,
  create,
  erase,
  GROUP,
  messageId,
  NOWHERE,
  react,
  remove,
  send,
  unreact,
  update,
  updateMember,
} from '../drafts.js';

const [M1, M2] = [messageId(1), messageId(2)];

/** A group of alice (owner), mary and mike (members) and ruth (reader); mary has said M1 as number 3. */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.idsToDraw.push(M1, M2);
  harness.given(create('alice', GROUP, ['mary', 'mike']), add('alice', GROUP, ['ruth'], 'reader'), send('mary', GROUP));
  return harness;
}

const code = (harness: DeciderHarness, ...[draft]: Parameters<DeciderHarness['answer']>) =>
  harness.answer(draft).reason?.code;
const sequences = (receipts: ReturnType<DeciderHarness['answers']>) =>
  receipts.map(({ sequence, reason }) => reason?.code ?? sequence);
const reactionsOf = (harness: DeciderHarness) => [...harness.reactions].sort();
const key = (userId: string, emoji = '👍') => reactionKey({ messageId: M1, emoji, userId });

describe('Reacting to a message', () => {
  it('adds the reaction with the next sequence of its chat', () => {
    const harness = group();
    const [receipt] = harness.given(react('mike', GROUP, M1, '👩‍👩‍👧'));
    expect(receipt).to.include({ sequence: 4, messageId: M1, type: 'message.react' });
    expect(harness.written?.reactions).to.deep.equal([
      { messageId: M1, emoji: '👩‍👩‍👧', userId: 'mike', present: true, at: harness.now },
    ]);
    expect(harness.log.at(-1)).to.deep.include({
      sequence: 4,
      event: { type: 'message.reacted', messageId: M1, messageSequence: 3, emoji: '👩‍👩‍👧', userId: 'mike' },
    });
    expect(harness.chat(GROUP)).to.include({ lastSequence: 4, lastOrdinal: 1 });
  });

  for (const [when, inOneBatch] of [
    ['one batch', true],
    ['several', false],
  ] as const) {
    const play = (harness: DeciderHarness, drafts: Parameters<DeciderHarness['answers']>) =>
      sequences(inOneBatch ? harness.answers(...drafts) : drafts.map((draft) => harness.answer(draft)));

    it(`counts once per user and emoji (in ${when})`, () => {
      const harness = group();
      const done = play(harness, [
        ...[react('mike', GROUP, M1), react('mike', GROUP, M1), react('mike', GROUP, M1, ':tea:')],
        ...[react('alice', GROUP, M1), react('mary', GROUP, M1), react('mary', GROUP, M1)],
      ]);
      expect(done).to.deep.equal([4, null, 5, 6, 7, null]);
      expect(reactionsOf(harness)).to.deep.equal([key('alice'), key('mary'), key('mike'), key('mike', ':tea:')].sort());
    });

    it(`and removing the reaction leaves nothing; removing a missing one changes nothing (in ${when})`, () => {
      const harness = group();
      const done = play(harness, [
        ...[unreact('mike', GROUP, M1), react('mike', GROUP, M1), react('alice', GROUP, M1)],
        ...[unreact('mike', GROUP, M1), unreact('mike', GROUP, M1), unreact('alice', GROUP, M1, ':tea:')],
      ]);
      expect(done).to.deep.equal([null, 4, 5, 6, null, null]);
      expect(reactionsOf(harness)).to.deep.equal([key('alice')]);
      expect(harness.log.at(-1)?.event).to.deep.equal({
        ...{ type: 'message.unreacted', messageId: M1, messageSequence: 3, emoji: '👍', userId: 'mike' },
      });
    });

    it(`may be removed and added again (in ${when})`, () => {
      const harness = group();
      harness.given(react('mike', GROUP, M1));
      const done = play(harness, [unreact('mike', GROUP, M1), react('mike', GROUP, M1), unreact('mike', GROUP, M1)]);
      expect(done).to.deep.equal([5, 6, 7]);
      expect(reactionsOf(harness)).to.deep.equal([]);
    });
  }

  it('with another encoding of an existing emoji changes nothing, and removes it', () => {
    const harness = group();
    const forms = [react('mike', GROUP, M1, '❤'), react('mike', GROUP, M1, '❤️'), unreact('mike', GROUP, M1, '❤')];
    expect(sequences(harness.given(...forms))).to.deep.equal([4, null, 5]);
    expect(reactionsOf(harness)).to.deep.equal([]);
  });

  it('writes nothing per member and moves no read mark', () => {
    const harness = group();
    harness.given(react('mike', GROUP, M1));
    expect(harness.written?.membersPut).to.deep.equal([]);
  });

  it('is permitted to everyone except readers, also in a channel, and to one’s own message', () => {
    const harness = group();
    expect(code(harness, react('ruth', GROUP, M1))).to.equal('not_permitted');
    expect(code(harness, unreact('ruth', GROUP, M1))).to.equal('not_permitted');
    harness.given(react('mary', GROUP, M1));
    harness.given(create('alice', CHANNEL, ['mary'], { kind: 'channel' }), send('alice', CHANNEL));
    harness.given(react('mary', CHANNEL, M2));
  });

  it('is refused in an archived chat, and so is removing', () => {
    const harness = group();
    harness.given(react('mike', GROUP, M1), archive('alice', GROUP));
    expect(code(harness, react('mary', GROUP, M1))).to.equal('archived');
    expect(code(harness, unreact('mike', GROUP, M1))).to.equal('archived');
  });

  it('is refused to a muted member, who may still remove a reaction', () => {
    const harness = group();
    const mutedUntil = new Date(harness.now.getTime() + 1).toISOString();
    harness.given(react('mike', GROUP, M1), updateMember('alice', GROUP, 'mike', { mutedUntil }));
    expect(harness.answer(react('mike', GROUP, M1, ':tea:')).reason).to.include({
      code: 'muted',
      detail: `until ${mutedUntil}`,
    });
    harness.given(unreact('mike', GROUP, M1));
    harness.now = new Date(mutedUntil);
    harness.given(react('mike', GROUP, M1, ':tea:'));
  });

  it('is not found for an unknown message, a message of another chat, and a non-member', () => {
    const harness = group();
    harness.given(create('mary', CHANNEL, []), send('mary', CHANNEL));
    for (const draftOf of [react, unreact]) {
      const reasons = [NOWHERE, M2].map((id) => harness.answer(draftOf('mary', GROUP, id)).reason);
      expect(reasons[0]).to.deep.equal(reasons[1]).and.include({ code: 'not_found' });
      expect(code(harness, draftOf('zoe', GROUP, M1))).to.equal('not_found');
    }
  });

  it('is not found for a deleted message, also in the same batch', () => {
    for (const mode of ['soft', 'hard']) {
      const harness = group();
      harness.given(react('mike', GROUP, M1));
      const receipts = harness.answers(
        ...[react('alice', GROUP, M1), unreact('mike', GROUP, M1), erase('mary', GROUP, M1, mode)],
        ...[react('mike', GROUP, M1), unreact('alice', GROUP, M1)],
      );
      expect(sequences(receipts)).to.deep.equal([5, 6, 7, 'not_found', 'not_found']);
      expect(reactionsOf(harness)).to.deep.equal(mode === 'soft' ? [key('alice')] : []);
      expect(code(harness, react('mike', GROUP, M1))).to.equal('not_found');
    }
  });

  it('is not found for an earlier message in a since-joined chat', () => {
    const harness = group();
    harness.given(
      update('alice', GROUP, { historyVisibility: 'since-joined' }),
      react('mike', GROUP, M1),
      remove('mike', GROUP, 'mike'),
      add('alice', GROUP, ['mike']),
    );
    expect(code(harness, react('mike', GROUP, M1, ':tea:'))).to.equal('not_found');
    expect(code(harness, unreact('mike', GROUP, M1))).to.equal('not_found');
    harness.given(unreact('mary', GROUP, M1));
  });
});
