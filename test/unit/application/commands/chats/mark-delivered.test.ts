import { expect } from 'chai';
import { deliveredThrough } from '../../../../../src/domain/chat.js';
import { DeciderHarness } from '../decider-harness.js';
import {
  add,
  archive,
  create,
  deliver,
  GROUP,
  messageId,
  NOWHERE,
  read,
  remove,
  send,
  updateMember,
} from '../drafts.js';

/** A group of alice (owner), mary, mike (members) and ruth (reader), with messages of mary at sequences 3 to 5. */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.idsToDraw.push(...[1, 2, 3].map(messageId));
  harness.given(create('alice', GROUP, ['mary', 'mike']), add('alice', GROUP, ['ruth'], 'reader'));
  harness.given(send('mary', GROUP), send('mary', GROUP), send('mary', GROUP));
  return harness;
}

const reached = (harness: DeciderHarness, userId: string) => {
  const member = harness.member(GROUP, userId);
  return member === undefined ? null : deliveredThrough(member);
};

describe('Marking a chat as delivered', () => {
  it('moves the delivery mark to a sequence, with an event without a sequence, and nothing else', () => {
    const harness = group();
    const before = structuredClone([harness.chat(GROUP), harness.member(GROUP, 'mike')]);
    const [receipt] = harness.given(deliver('mike', GROUP, 4));
    expect(receipt).to.include({ status: 'accepted', sequence: null, messageId: null, chatId: GROUP });
    const [chat, mike] = before;
    expect(harness.chat(GROUP)).to.deep.equal(chat);
    expect(harness.member(GROUP, 'mike')).to.deep.equal({ ...mike, deliveredSequence: 4 });
    expect(harness.written?.chatsChanged).to.deep.equal([]);
    expect(harness.written?.membersPut.map(({ userId }) => userId)).to.deep.equal(['mike']);
    expect(harness.log.at(-1)).to.deep.include({
      ...{ position: 6, chatId: GROUP, sequence: null, actorId: 'mike' },
      event: { type: 'chat.delivered', userId: 'mike', upTo: 4 },
    });
  });

  it('never moves it back: an earlier sequence changes nothing and has no event', () => {
    const harness = group();
    harness.given(deliver('mike', GROUP, 4));
    const before = structuredClone([harness.member(GROUP, 'mike'), harness.log.length]);
    for (const upTo of [4, 3, 1, 0])
      expect(harness.answer(deliver('mike', GROUP, upTo))).to.include({ status: 'accepted', sequence: null });
    expect([harness.member(GROUP, 'mike'), harness.log.length]).to.deep.equal(before);
  });

  it('several times in one batch ends at the highest, in any order', () => {
    const harness = group();
    harness.given(...[3, 5, 4, 5, 2].map((upTo) => deliver('mike', GROUP, upTo)));
    expect(reached(harness, 'mike')).to.equal(5);
    expect(harness.log.slice(5).map(({ event }) => event)).to.deep.equal([
      { type: 'chat.delivered', userId: 'mike', upTo: 3 },
      { type: 'chat.delivered', userId: 'mike', upTo: 5 },
    ]);
  });

  it('beyond the end means the present end; later messages have not arrived', () => {
    const harness = group();
    harness.given(deliver('mike', GROUP, Number.MAX_SAFE_INTEGER), send('mary', GROUP));
    expect(reached(harness, 'mike')).to.equal(5);
    expect(harness.log.at(-2)?.event).to.include({ upTo: 5 });
  });

  it('changes nothing up to the read mark, because what is read has arrived', () => {
    const harness = group();
    harness.given(read('mike', GROUP, 4));
    const events = harness.log.length;
    harness.given(deliver('mike', GROUP, 4), deliver('mike', GROUP, 3));
    expect([harness.log.length, reached(harness, 'mike')]).to.deep.equal([events, 4]);
    harness.given(deliver('mike', GROUP, 5));
    expect(harness.member(GROUP, 'mike')).to.include({ readSequence: 4, readOrdinal: 2, deliveredSequence: 5 });
  });

  it('counts neither earlier messages of a newcomer as missing, nor an earlier membership', () => {
    const harness = group();
    harness.given(deliver('mike', GROUP, 5), remove('mike', GROUP, 'mike'), send('mary', GROUP));
    harness.given(add('alice', GROUP, ['mike', 'late']));
    expect(['mike', 'late'].map((userId) => reached(harness, userId))).to.deep.equal([8, 8]);
    expect(harness.member(GROUP, 'mike')).to.include({ deliveredSequence: 0 });
  });

  it('is permitted to every member: readers, muted members, in archived chats', () => {
    const harness = group();
    const mutedUntil = '2999-01-01T00:00:00Z';
    harness.given(updateMember('alice', GROUP, 'mike', { mutedUntil }), archive('alice', GROUP));
    harness.given(deliver('mike', GROUP, 5), deliver('ruth', GROUP, 5));
    expect(['mike', 'ruth'].map((userId) => reached(harness, userId))).to.deep.equal([5, 5]);
  });

  it('is not found for an unknown chat and for a non-member', () => {
    const harness = group();
    for (const draft of [deliver('mike', NOWHERE, 1), deliver('zoe', GROUP, 1)])
      expect(harness.answer(draft).reason?.code).to.equal('not_found');
  });

  it('is not written when a message is sent', () => {
    const harness = group();
    harness.given(send('mary', GROUP));
    expect(harness.written?.membersPut.map(({ userId }) => userId)).to.deep.equal(['mary']);
  });
});
