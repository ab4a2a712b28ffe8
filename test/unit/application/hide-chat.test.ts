import { expect } from 'chai';
import { isHidden } from '../../../src/domain/chat.js';
import {
  add,
  archive,
  create,
  createDirect,
  edit,
  GROUP,
  hide,
  messageId,
  NOWHERE,
  react,
  remove,
  send,
  unhide,
  updateMember,
} from './drafts.js';
import { Stage } from './stage.js';

/** A group of alice (owner), mary and mike (members) and ruth (reader); mary has said one message, as number 3. */
function group(): Stage {
  const stage = new Stage();
  stage.idsToDraw.push(messageId(1));
  stage.given(create('alice', GROUP, ['mary', 'mike']), add('alice', GROUP, ['ruth'], 'reader'), send('mary', GROUP));
  return stage;
}

function hides(stage: Stage, userId: string, chatId = GROUP): boolean {
  const member = stage.member(chatId, userId);
  if (member === undefined) throw new Error(`${userId} is not in the chat`);
  return isHidden(stage.chat(chatId), member);
}

describe('Hiding a chat', () => {
  it('changes the own membership alone, and tells of it without taking a number', () => {
    const stage = group();
    const before = structuredClone(stage.chat(GROUP));
    const [receipt] = stage.given(hide('mike', GROUP));
    expect(receipt).to.include({ sequence: null, messageId: null, chatId: GROUP });
    expect(stage.chat(GROUP)).to.deep.equal(before);
    expect(stage.written?.chatsChanged).to.deep.equal([]);
    expect(stage.written?.membersPut.map(({ userId }) => userId)).to.deep.equal(['mike']);
    expect(stage.member(GROUP, 'mike')).to.include({ hiddenOrdinal: 1, readPosition: 4 });
    expect(stage.log.at(-1)).to.deep.include({
      ...{ position: 4, chatId: GROUP, sequence: null, actorId: 'mike' },
      event: { type: 'chat.hidden' },
    });
    expect(['mike', 'alice', 'mary', 'ruth'].map((userId) => hides(stage, userId))).to.deep.equal([
      ...[true, false, false, false],
    ]);
  });

  it('ends with the next message, whoever sends it, and sending writes nothing to the member', () => {
    const stage = group();
    stage.given(hide('mike', GROUP), send('alice', GROUP));
    expect(hides(stage, 'mike')).to.equal(false);
    stage.given(hide('mike', GROUP));
    expect(hides(stage, 'mike')).to.equal(true);
    stage.given(send('alice', GROUP));
    expect(stage.written?.membersPut.map(({ userId }) => userId)).to.deep.equal(['alice']);
    expect(hides(stage, 'mike')).to.equal(false);
    stage.given(hide('mike', GROUP), send('mike', GROUP));
    expect(hides(stage, 'mike')).to.equal(false);
  });

  it('goes on through edits, reactions and changes of the chat', () => {
    const stage = group();
    stage.given(hide('mike', GROUP));
    stage.given(
      edit('mary', GROUP, messageId(1), {}),
      react('mary', GROUP, messageId(1)),
      add('alice', GROUP, ['carol']),
      archive('alice', GROUP),
    );
    expect(hides(stage, 'mike')).to.equal(true);
  });

  it('is undone by unhiding; what is so already changes nothing and is no event', () => {
    const stage = group();
    stage.given(unhide('mike', GROUP), hide('mike', GROUP), hide('mike', GROUP));
    expect(stage.log.slice(3).map(({ event }) => event.type)).to.deep.equal(['chat.hidden']);
    stage.given(unhide('mike', GROUP), unhide('mike', GROUP));
    expect(stage.log.slice(4).map(({ event }) => event.type)).to.deep.equal(['chat.unhidden']);
    expect(stage.member(GROUP, 'mike')).to.include({ hiddenOrdinal: null, readPosition: 5 });
    // A chat that a message has shown again is not hidden any more.
    stage.given(hide('mike', GROUP), send('mary', GROUP));
    const length = stage.log.length;
    stage.given(unhide('mike', GROUP));
    expect(stage.log).to.have.length(length);
  });

  it('is for every member: readers, the muted, in an archived chat, in a direct one, in one without messages', () => {
    const stage = group();
    stage.given(
      updateMember('alice', GROUP, 'mike', { mutedUntil: '2999-01-01T00:00:00Z' }),
      archive('alice', GROUP),
      hide('mike', GROUP),
      hide('ruth', GROUP),
    );
    const chatId = stage.given(createDirect('alice', 'bob'))[0]?.chatId ?? '';
    stage.given(hide('bob', chatId));
    expect([hides(stage, 'mike'), hides(stage, 'ruth'), hides(stage, 'bob', chatId)]).to.deep.equal([true, true, true]);
    stage.given(send('alice', chatId));
    expect(hides(stage, 'bob', chatId)).to.equal(false);
  });

  it('does not outlive the membership', () => {
    const stage = group();
    stage.given(hide('mike', GROUP), remove('mike', GROUP, 'mike'), add('alice', GROUP, ['mike']));
    expect(hides(stage, 'mike')).to.equal(false);
  });

  it('is not found where there is no such chat, or one that the actor is not in', () => {
    const stage = group();
    for (const draft of [hide('mike', NOWHERE), hide('zoe', GROUP), unhide('zoe', GROUP)])
      expect(stage.answer(draft).reason?.code).to.equal('not_found');
  });
});
