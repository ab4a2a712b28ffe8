import { expect } from 'chai';
import { isHidden } from '../../../../../src/domain/chat.js';
import { DeciderHarness } from '../decider-harness.js';
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
} from '../drafts.js';

/** A group of alice (owner), mary and mike (members) and ruth (reader), with one message of mary at sequence 3. */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.idsToDraw.push(messageId(1));
  harness.given(create('alice', GROUP, ['mary', 'mike']), add('alice', GROUP, ['ruth'], 'reader'), send('mary', GROUP));
  return harness;
}

function hides(harness: DeciderHarness, userId: string, chatId = GROUP): boolean {
  const member = harness.member(chatId, userId);
  if (member === undefined) throw new Error(`${userId} is not in the chat`);
  return isHidden(harness.chat(chatId), member);
}

describe('Hiding a chat', () => {
  it("changes only the actor's membership, with an event without a sequence", () => {
    const harness = group();
    const before = structuredClone(harness.chat(GROUP));
    const [receipt] = harness.given(hide('mike', GROUP));
    expect(receipt).to.include({ sequence: null, messageId: null, chatId: GROUP });
    expect(harness.chat(GROUP)).to.deep.equal(before);
    expect(harness.written?.chatsChanged).to.deep.equal([]);
    expect(harness.written?.membersPut.map(({ userId }) => userId)).to.deep.equal(['mike']);
    expect(harness.member(GROUP, 'mike')).to.include({ hiddenOrdinal: 1, readPosition: 4 });
    expect(harness.log.at(-1)).to.deep.include({
      ...{ position: 4, chatId: GROUP, sequence: null, actorId: 'mike' },
      event: { type: 'chat.hidden' },
    });
    expect(['mike', 'alice', 'mary', 'ruth'].map((userId) => hides(harness, userId))).to.deep.equal([
      ...[true, false, false, false],
    ]);
  });

  it('ends with the next message of any sender, which writes nothing to the member', () => {
    const harness = group();
    harness.given(hide('mike', GROUP), send('alice', GROUP));
    expect(hides(harness, 'mike')).to.equal(false);
    harness.given(hide('mike', GROUP));
    expect(hides(harness, 'mike')).to.equal(true);
    harness.given(send('alice', GROUP));
    expect(harness.written?.membersPut.map(({ userId }) => userId)).to.deep.equal(['alice']);
    expect(hides(harness, 'mike')).to.equal(false);
    harness.given(hide('mike', GROUP), send('mike', GROUP));
    expect(hides(harness, 'mike')).to.equal(false);
  });

  it('continues after edits, reactions and changes of the chat', () => {
    const harness = group();
    harness.given(hide('mike', GROUP));
    harness.given(
      edit('mary', GROUP, messageId(1), {}),
      react('mary', GROUP, messageId(1)),
      add('alice', GROUP, ['carol']),
      archive('alice', GROUP),
    );
    expect(hides(harness, 'mike')).to.equal(true);
  });

  it('ends with unhiding; a repeat makes no event', () => {
    const harness = group();
    harness.given(unhide('mike', GROUP), hide('mike', GROUP), hide('mike', GROUP));
    expect(harness.log.slice(3).map(({ event }) => event.type)).to.deep.equal(['chat.hidden']);
    harness.given(unhide('mike', GROUP), unhide('mike', GROUP));
    expect(harness.log.slice(4).map(({ event }) => event.type)).to.deep.equal(['chat.unhidden']);
    expect(harness.member(GROUP, 'mike')).to.include({ hiddenOrdinal: null, readPosition: 5 });
    // A chat that a message has shown again is not hidden any more.
    harness.given(hide('mike', GROUP), send('mary', GROUP));
    const length = harness.log.length;
    harness.given(unhide('mike', GROUP));
    expect(harness.log).to.have.length(length);
  });

  it('is permitted to every member: readers, muted members, in archived, direct and empty chats', () => {
    const harness = group();
    harness.given(
      updateMember('alice', GROUP, 'mike', { mutedUntil: '2999-01-01T00:00:00Z' }),
      archive('alice', GROUP),
      hide('mike', GROUP),
      hide('ruth', GROUP),
    );
    const chatId = harness.given(createDirect('alice', 'bob'))[0]?.chatId ?? '';
    harness.given(hide('bob', chatId));
    expect([hides(harness, 'mike'), hides(harness, 'ruth'), hides(harness, 'bob', chatId)]).to.deep.equal([
      true,
      true,
      true,
    ]);
    harness.given(send('alice', chatId));
    expect(hides(harness, 'bob', chatId)).to.equal(false);
  });

  it('ends with the membership', () => {
    const harness = group();
    harness.given(hide('mike', GROUP), remove('mike', GROUP, 'mike'), add('alice', GROUP, ['mike']));
    expect(hides(harness, 'mike')).to.equal(false);
  });

  it('is not found for an unknown chat and for a non-member', () => {
    const harness = group();
    for (const draft of [hide('mike', NOWHERE), hide('zoe', GROUP), unhide('zoe', GROUP)])
      expect(harness.answer(draft).reason?.code).to.equal('not_found');
  });
});
