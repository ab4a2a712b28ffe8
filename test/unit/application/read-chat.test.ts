import { expect } from 'chai';
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
} from './drafts.js';
import { Stage } from './stage.js';

/** A group of alice (owner), mary, mike (members) and ruth (reader); mary has said numbers 3 to 5. */
function group(): Stage {
  const stage = new Stage();
  stage.idsToDraw.push(...[1, 2, 3].map(messageId));
  stage.given(create('alice', GROUP, ['mary', 'mike']), add('alice', GROUP, ['ruth'], 'reader'));
  stage.given(send('mary', GROUP), send('mary', GROUP), send('mary', GROUP));
  return stage;
}

const unread = (stage: Stage, userId: string) =>
  stage.chat(GROUP).lastOrdinal - (stage.member(GROUP, userId)?.readOrdinal ?? Number.NaN);

describe('Reading a chat', () => {
  it('moves the read mark up to a number, and tells of it without taking one', () => {
    const stage = group();
    const before = structuredClone(stage.chat(GROUP));
    const [receipt] = stage.given(read('mike', GROUP, 4));
    expect(receipt).to.include({ sequence: null, messageId: null, chatId: GROUP });
    expect(stage.member(GROUP, 'mike')).to.include({ readSequence: 4, readOrdinal: 2, readPosition: 6 });
    expect(unread(stage, 'mike')).to.equal(1);
    expect(stage.log.at(-1)).to.deep.include({
      ...{ position: 6, chatId: GROUP, sequence: null, actorId: 'mike' },
      event: { type: 'chat.read', userId: 'mike', upTo: 4 },
    });
    expect(stage.chat(GROUP)).to.deep.equal(before);
    expect(stage.written?.chatsChanged).to.deep.equal([]);
  });

  it('never moves it back: what is not beyond it changes nothing and is told to nobody', () => {
    const stage = group();
    stage.given(read('mike', GROUP, 4));
    const before = structuredClone([stage.member(GROUP, 'mike'), stage.log.length]);
    for (const upTo of [4, 3, 1, 0])
      expect(stage.answer(read('mike', GROUP, upTo))).to.include({ status: 'accepted', sequence: null });
    expect([stage.member(GROUP, 'mike'), stage.log.length]).to.deep.equal(before);
  });

  it('several times in one batch ends at the highest, whatever order they come in', () => {
    const stage = group();
    stage.given(...[3, 5, 4, 5, 2].map((upTo) => read('mike', GROUP, upTo)));
    expect(stage.member(GROUP, 'mike')).to.include({ readSequence: 5, readOrdinal: 3, readPosition: 7 });
    expect(stage.log.slice(5).map(({ event }) => event)).to.deep.equal([
      { type: 'chat.read', userId: 'mike', upTo: 3 },
      { type: 'chat.read', userId: 'mike', upTo: 5 },
    ]);
  });

  it('past the end means the end as it is then; what is said later is unread', () => {
    const stage = group();
    stage.given(read('mike', GROUP, Number.MAX_SAFE_INTEGER), send('mary', GROUP));
    expect(stage.member(GROUP, 'mike')).to.include({ readSequence: 5, readOrdinal: 3 });
    expect(unread(stage, 'mike')).to.equal(1);
    expect(stage.log.at(-2)?.event).to.include({ upTo: 5 });
  });

  it('counts messages alone: other events between them are neither read nor unread', () => {
    const stage = group();
    stage.given(react('alice', GROUP, messageId(1)), react('alice', GROUP, messageId(2)), send('alice', GROUP));
    for (const [upTo, left] of [
      [2, 4],
      [5, 1],
      [6, 1],
      [7, 1],
      [8, 0],
    ] as const) {
      stage.given(read('mike', GROUP, upTo));
      expect(unread(stage, 'mike'), `up to ${upTo}`).to.equal(left);
    }
  });

  it('counts what was said earlier in the same batch', () => {
    const stage = group();
    stage.given(send('alice', GROUP), send('alice', GROUP), read('mike', GROUP, 6), read('ruth', GROUP, 5));
    expect(['mike', 'ruth'].map((userId) => unread(stage, userId))).to.deep.equal([1, 2]);
  });

  it('counts messages that have been deleted, in this batch or earlier', () => {
    const stage = group();
    stage.given(erase('mary', GROUP, messageId(1), 'hard'), erase('mary', GROUP, messageId(2)));
    stage.given(erase('mary', GROUP, messageId(3), 'hard'), read('mike', GROUP, 4), read('ruth', GROUP, 5));
    expect(['mike', 'ruth', 'alice'].map((userId) => unread(stage, userId))).to.deep.equal([1, 0, 3]);
  });

  it('of a chat that was made in the same batch', () => {
    const stage = new Stage();
    stage.given(
      ...[create('alice', OTHER_GROUP, ['bob']), send('alice', OTHER_GROUP), send('alice', OTHER_GROUP)],
      read('bob', OTHER_GROUP, 2),
    );
    expect(stage.member(OTHER_GROUP, 'bob')).to.include({ readSequence: 2, readOrdinal: 1, readPosition: 4 });
    expect(stage.chat(OTHER_GROUP)).to.include({ lastSequence: 3, lastPosition: 3 });
  });

  it('leaves what was said before one joined read, however far back the mark is', () => {
    const stage = group();
    stage.given(add('alice', GROUP, ['late']), send('mary', GROUP));
    expect(unread(stage, 'late')).to.equal(1);
    stage.given(read('late', GROUP, 3));
    expect(unread(stage, 'late')).to.equal(1);
    stage.given(remove('mike', GROUP, 'mike'), add('alice', GROUP, ['mike']));
    expect(stage.member(GROUP, 'mike')).to.include({ readPosition: 0 });
    expect(unread(stage, 'mike')).to.equal(0);
  });

  it('is only one’s own: nobody else’s mark moves', () => {
    const stage = group();
    stage.given(read('mike', GROUP, 5));
    expect(stage.written?.membersPut.map(({ userId }) => userId)).to.deep.equal(['mike']);
    expect(['alice', 'ruth'].map((userId) => unread(stage, userId))).to.deep.equal([3, 3]);
  });

  it('is for every member: readers, the muted, in an archived chat, in a direct one', () => {
    const stage = group();
    const mutedUntil = '2999-01-01T00:00:00Z';
    stage.given(updateMember('alice', GROUP, 'mike', { mutedUntil }), archive('alice', GROUP));
    stage.given(read('mike', GROUP, 5), read('ruth', GROUP, 5));
    const chatId = stage.given(createDirect('alice', 'bob'))[0]?.chatId ?? '';
    stage.given(send('alice', chatId), read('bob', chatId, 2));
    expect(stage.member(chatId, 'bob')?.readOrdinal).to.equal(1);
  });

  it('is not found where there is no such chat, or one that the actor is not in', () => {
    const stage = group();
    for (const draft of [read('mike', NOWHERE, 1), read('zoe', GROUP, 1)])
      expect(stage.answer(draft).reason?.code).to.equal('not_found');
  });

  it('goes by numbers also where only what came since joining may be seen', () => {
    const stage = group();
    stage.given(update('alice', GROUP, { historyVisibility: 'since-joined' }), add('alice', GROUP, ['late']));
    stage.given(send('mary', GROUP), send('mary', GROUP), read('late', GROUP, 8));
    expect(unread(stage, 'late')).to.equal(1);
  });
});
