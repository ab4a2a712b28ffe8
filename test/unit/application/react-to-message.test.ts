import { expect } from 'chai';
import { reactionKey } from '../../../src/application/ports/command-store.js';
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
} from './drafts.js';
import { Stage } from './stage.js';

const [M1, M2] = [messageId(1), messageId(2)];

/** A group of alice (owner), mary and mike (members) and ruth (reader); mary has said M1 as number 3. */
function group(): Stage {
  const stage = new Stage();
  stage.idsToDraw.push(M1, M2);
  stage.given(create('alice', GROUP, ['mary', 'mike']), add('alice', GROUP, ['ruth'], 'reader'), send('mary', GROUP));
  return stage;
}

const code = (stage: Stage, ...[draft]: Parameters<Stage['answer']>) => stage.answer(draft).reason?.code;
const sequences = (receipts: ReturnType<Stage['answers']>) =>
  receipts.map(({ sequence, reason }) => reason?.code ?? sequence);
const reactionsOf = (stage: Stage) => [...stage.reactions].sort();
const key = (userId: string, emoji = '👍') => reactionKey({ messageId: M1, emoji, userId });

describe('Reacting to a message', () => {
  it('puts the reaction there under the next number of its chat', () => {
    const stage = group();
    const [receipt] = stage.given(react('mike', GROUP, M1, '👩‍👩‍👧'));
    expect(receipt).to.include({ sequence: 4, messageId: M1, type: 'message.react' });
    expect(stage.written?.reactions).to.deep.equal([
      { messageId: M1, emoji: '👩‍👩‍👧', userId: 'mike', present: true, at: stage.now },
    ]);
    expect(stage.log.at(-1)).to.deep.include({
      sequence: 4,
      event: { type: 'message.reacted', messageId: M1, messageSequence: 3, emoji: '👩‍👩‍👧', userId: 'mike' },
    });
    expect(stage.chat(GROUP)).to.include({ lastSequence: 4, lastOrdinal: 1 });
  });

  for (const [when, inOneBatch] of [
    ['one batch', true],
    ['several', false],
  ] as const) {
    const play = (stage: Stage, drafts: Parameters<Stage['answers']>) =>
      sequences(inOneBatch ? stage.answers(...drafts) : drafts.map((draft) => stage.answer(draft)));

    it(`counts once per user and emoji (in ${when})`, () => {
      const stage = group();
      const done = play(stage, [
        ...[react('mike', GROUP, M1), react('mike', GROUP, M1), react('mike', GROUP, M1, ':tea:')],
        ...[react('alice', GROUP, M1), react('mary', GROUP, M1), react('mary', GROUP, M1)],
      ]);
      expect(done).to.deep.equal([4, null, 5, 6, 7, null]);
      expect(reactionsOf(stage)).to.deep.equal([key('alice'), key('mary'), key('mike'), key('mike', ':tea:')].sort());
    });

    it(`and taking it away again leaves nothing; what is not there is not taken away (in ${when})`, () => {
      const stage = group();
      const done = play(stage, [
        ...[unreact('mike', GROUP, M1), react('mike', GROUP, M1), react('alice', GROUP, M1)],
        ...[unreact('mike', GROUP, M1), unreact('mike', GROUP, M1), unreact('alice', GROUP, M1, ':tea:')],
      ]);
      expect(done).to.deep.equal([null, 4, 5, 6, null, null]);
      expect(reactionsOf(stage)).to.deep.equal([key('alice')]);
      expect(stage.log.at(-1)?.event).to.deep.equal({
        ...{ type: 'message.unreacted', messageId: M1, messageSequence: 3, emoji: '👍', userId: 'mike' },
      });
    });

    it(`may come and go and come again (in ${when})`, () => {
      const stage = group();
      stage.given(react('mike', GROUP, M1));
      const done = play(stage, [unreact('mike', GROUP, M1), react('mike', GROUP, M1), unreact('mike', GROUP, M1)]);
      expect(done).to.deep.equal([5, 6, 7]);
      expect(reactionsOf(stage)).to.deep.equal([]);
    });
  }

  it('with another form of an emoji that is there already changes nothing, and takes it away', () => {
    const stage = group();
    const forms = [react('mike', GROUP, M1, '❤'), react('mike', GROUP, M1, '❤️'), unreact('mike', GROUP, M1, '❤')];
    expect(sequences(stage.given(...forms))).to.deep.equal([4, null, 5]);
    expect(reactionsOf(stage)).to.deep.equal([]);
  });

  it('writes nothing per member and moves no read mark', () => {
    const stage = group();
    stage.given(react('mike', GROUP, M1));
    expect(stage.written?.membersPut).to.deep.equal([]);
  });

  it('is for everyone but readers, also in a channel, to one’s own message too', () => {
    const stage = group();
    expect(code(stage, react('ruth', GROUP, M1))).to.equal('not_permitted');
    expect(code(stage, unreact('ruth', GROUP, M1))).to.equal('not_permitted');
    stage.given(react('mary', GROUP, M1));
    stage.given(create('alice', CHANNEL, ['mary'], { kind: 'channel' }), send('alice', CHANNEL));
    stage.given(react('mary', CHANNEL, M2));
  });

  it('is refused in an archived chat, and taking away too', () => {
    const stage = group();
    stage.given(react('mike', GROUP, M1), archive('alice', GROUP));
    expect(code(stage, react('mary', GROUP, M1))).to.equal('archived');
    expect(code(stage, unreact('mike', GROUP, M1))).to.equal('archived');
  });

  it('is refused to one who is muted, who may still take a reaction away', () => {
    const stage = group();
    const mutedUntil = new Date(stage.now.getTime() + 1).toISOString();
    stage.given(react('mike', GROUP, M1), updateMember('alice', GROUP, 'mike', { mutedUntil }));
    expect(stage.answer(react('mike', GROUP, M1, ':tea:')).reason).to.include({
      code: 'muted',
      detail: `until ${mutedUntil}`,
    });
    stage.given(unreact('mike', GROUP, M1));
    stage.now = new Date(mutedUntil);
    stage.given(react('mike', GROUP, M1, ':tea:'));
  });

  it('is not found where there is no such message, also elsewhere, and to one who is not in the chat', () => {
    const stage = group();
    stage.given(create('mary', CHANNEL, []), send('mary', CHANNEL));
    for (const draftOf of [react, unreact]) {
      const reasons = [NOWHERE, M2].map((id) => stage.answer(draftOf('mary', GROUP, id)).reason);
      expect(reasons[0]).to.deep.equal(reasons[1]).and.include({ code: 'not_found' });
      expect(code(stage, draftOf('zoe', GROUP, M1))).to.equal('not_found');
    }
  });

  it('is not found once the message is deleted, also earlier in the same batch', () => {
    for (const mode of ['soft', 'hard']) {
      const stage = group();
      stage.given(react('mike', GROUP, M1));
      const receipts = stage.answers(
        ...[react('alice', GROUP, M1), unreact('mike', GROUP, M1), erase('mary', GROUP, M1, mode)],
        ...[react('mike', GROUP, M1), unreact('alice', GROUP, M1)],
      );
      expect(sequences(receipts)).to.deep.equal([5, 6, 7, 'not_found', 'not_found']);
      expect(reactionsOf(stage)).to.deep.equal(mode === 'soft' ? [key('alice')] : []);
      expect(code(stage, react('mike', GROUP, M1))).to.equal('not_found');
    }
  });

  it('is not found where only what came since joining may be seen and the message is older', () => {
    const stage = group();
    stage.given(
      update('alice', GROUP, { historyVisibility: 'since-joined' }),
      react('mike', GROUP, M1),
      remove('mike', GROUP, 'mike'),
      add('alice', GROUP, ['mike']),
    );
    expect(code(stage, react('mike', GROUP, M1, ':tea:'))).to.equal('not_found');
    expect(code(stage, unreact('mike', GROUP, M1))).to.equal('not_found');
    stage.given(unreact('mary', GROUP, M1));
  });
});
