import { expect } from 'chai';
import { DeciderHarness } from '../decider-harness.js';
import {
  add,
  archive,
  create,
  createDirect,
  erase,
  GROUP,
  messageId,
  NOWHERE,
  OTHER_GROUP,
  react,
  read,
  remove,
  send,
  update,
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

const unread = (harness: DeciderHarness, userId: string) =>
  harness.chat(GROUP).lastOrdinal - (harness.member(GROUP, userId)?.readOrdinal ?? Number.NaN);

describe('Reading a chat', () => {
  it('moves the read mark to a sequence, with an event without a sequence', () => {
    const harness = group();
    const before = structuredClone(harness.chat(GROUP));
    const [receipt] = harness.given(read('mike', GROUP, 4));
    expect(receipt).to.include({ sequence: null, messageId: null, chatId: GROUP });
    expect(harness.member(GROUP, 'mike')).to.include({ readSequence: 4, readOrdinal: 2, readPosition: 6 });
    expect(unread(harness, 'mike')).to.equal(1);
    expect(harness.log.at(-1)).to.deep.include({
      ...{ position: 6, chatId: GROUP, sequence: null, actorId: 'mike' },
      event: { type: 'chat.read', userId: 'mike', upTo: 4 },
    });
    expect(harness.chat(GROUP)).to.deep.equal(before);
    expect(harness.written?.chatsChanged).to.deep.equal([]);
  });

  it('never moves it back: an earlier sequence changes nothing and has no event', () => {
    const harness = group();
    harness.given(read('mike', GROUP, 4));
    const before = structuredClone([harness.member(GROUP, 'mike'), harness.log.length]);
    for (const upTo of [4, 3, 1, 0])
      expect(harness.answer(read('mike', GROUP, upTo))).to.include({ status: 'accepted', sequence: null });
    expect([harness.member(GROUP, 'mike'), harness.log.length]).to.deep.equal(before);
  });

  it('several times in one batch ends at the highest, in any order', () => {
    const harness = group();
    harness.given(...[3, 5, 4, 5, 2].map((upTo) => read('mike', GROUP, upTo)));
    expect(harness.member(GROUP, 'mike')).to.include({ readSequence: 5, readOrdinal: 3, readPosition: 7 });
    expect(harness.log.slice(5).map(({ event }) => event)).to.deep.equal([
      { type: 'chat.read', userId: 'mike', upTo: 3 },
      { type: 'chat.read', userId: 'mike', upTo: 5 },
    ]);
  });

  it('beyond the end means the present end; later messages are unread', () => {
    const harness = group();
    harness.given(read('mike', GROUP, Number.MAX_SAFE_INTEGER), send('mary', GROUP));
    expect(harness.member(GROUP, 'mike')).to.include({ readSequence: 5, readOrdinal: 3 });
    expect(unread(harness, 'mike')).to.equal(1);
    expect(harness.log.at(-2)?.event).to.include({ upTo: 5 });
  });

  it('counts only messages, not other events between them', () => {
    const harness = group();
    harness.given(react('alice', GROUP, messageId(1)), react('alice', GROUP, messageId(2)), send('alice', GROUP));
    for (const [upTo, left] of [
      [2, 4],
      [5, 1],
      [6, 1],
      [7, 1],
      [8, 0],
    ] as const) {
      harness.given(read('mike', GROUP, upTo));
      expect(unread(harness, 'mike'), `up to ${upTo}`).to.equal(left);
    }
  });

  it('counts earlier messages of the same batch', () => {
    const harness = group();
    harness.given(send('alice', GROUP), send('alice', GROUP), read('mike', GROUP, 6), read('ruth', GROUP, 5));
    expect(['mike', 'ruth'].map((userId) => unread(harness, userId))).to.deep.equal([1, 2]);
  });

  it('counts deleted messages, of this batch or earlier', () => {
    const harness = group();
    harness.given(erase('mary', GROUP, messageId(1), 'hard'), erase('mary', GROUP, messageId(2)));
    harness.given(erase('mary', GROUP, messageId(3), 'hard'), read('mike', GROUP, 4), read('ruth', GROUP, 5));
    expect(['mike', 'ruth', 'alice'].map((userId) => unread(harness, userId))).to.deep.equal([1, 0, 3]);
  });

  it('works for a chat that was created in the same batch', () => {
    const harness = new DeciderHarness();
    harness.given(
      ...[create('alice', OTHER_GROUP, ['bob']), send('alice', OTHER_GROUP), send('alice', OTHER_GROUP)],
      read('bob', OTHER_GROUP, 2),
    );
    expect(harness.member(OTHER_GROUP, 'bob')).to.include({ readSequence: 2, readOrdinal: 1, readPosition: 4 });
    expect(harness.chat(OTHER_GROUP)).to.include({ lastSequence: 3, lastPosition: 3 });
  });

  it('keeps messages before the joining as read, even with an earlier mark', () => {
    const harness = group();
    harness.given(add('alice', GROUP, ['late']), send('mary', GROUP));
    expect(unread(harness, 'late')).to.equal(1);
    harness.given(read('late', GROUP, 3));
    expect(unread(harness, 'late')).to.equal(1);
    harness.given(remove('mike', GROUP, 'mike'), add('alice', GROUP, ['mike']));
    expect(harness.member(GROUP, 'mike')).to.include({ readPosition: 0 });
    expect(unread(harness, 'mike')).to.equal(0);
  });

  it("moves only the actor's own mark", () => {
    const harness = group();
    harness.given(read('mike', GROUP, 5));
    expect(harness.written?.membersPut.map(({ userId }) => userId)).to.deep.equal(['mike']);
    expect(['alice', 'ruth'].map((userId) => unread(harness, userId))).to.deep.equal([3, 3]);
  });

  it('is permitted to every member: readers, muted members, in archived and direct chats', () => {
    const harness = group();
    const mutedUntil = '2999-01-01T00:00:00Z';
    harness.given(updateMember('alice', GROUP, 'mike', { mutedUntil }), archive('alice', GROUP));
    harness.given(read('mike', GROUP, 5), read('ruth', GROUP, 5));
    const chatId = harness.given(createDirect('alice', 'bob'))[0]?.chatId ?? '';
    harness.given(send('alice', chatId), read('bob', chatId, 2));
    expect(harness.member(chatId, 'bob')?.readOrdinal).to.equal(1);
  });

  it('is not found for an unknown chat and for a non-member', () => {
    const harness = group();
    for (const draft of [read('mike', NOWHERE, 1), read('zoe', GROUP, 1)])
      expect(harness.answer(draft).reason?.code).to.equal('not_found');
  });

  it('uses sequences also in a since-joined chat', () => {
    const harness = group();
    harness.given(update('alice', GROUP, { historyVisibility: 'since-joined' }), add('alice', GROUP, ['late']));
    harness.given(send('mary', GROUP), send('mary', GROUP), read('late', GROUP, 8));
    expect(unread(harness, 'late')).to.equal(1);
  });
});
