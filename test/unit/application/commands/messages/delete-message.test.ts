import { expect } from 'chai';
import { DeciderHarness } from '../decider-harness.js';
import {
  add,
  archive,
  CHANNEL,
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
  unreact,
  update,
  updateMember,
} from '../drafts.js';

const [M1, M2, M3] = [messageId(1), messageId(2), messageId(3)];
const attachments = [{ url: 'https://files.example/a', mediaType: 'image/png', size: 1, name: 'a' }];

/** A group of alice (owner), adam (admin), mary and mike (members) and ruth (reader); mary has said M1 as number 4. */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.idsToDraw.push(M1, M2, M3);
  harness.given(
    create('alice', GROUP, ['mary', 'mike']),
    add('alice', GROUP, ['adam'], 'admin'),
    add('alice', GROUP, ['ruth'], 'reader'),
    send('mary', GROUP, 'secret', { mentions: ['mike'], attachments, metadata: { a: 1 } }),
  );
  return harness;
}

const code = (harness: DeciderHarness, ...[draft]: Parameters<DeciderHarness['answer']>) =>
  harness.answer(draft).reason?.code;
const unread = (harness: DeciderHarness, userId: string) =>
  harness.chat(GROUP).lastOrdinal - (harness.member(GROUP, userId)?.readOrdinal ?? Number.NaN);

describe('Deleting a message soft', () => {
  it('deletes all content, and leaves a tombstone with its reactions', () => {
    const harness = group();
    harness.given(edit('mary', GROUP, M1, { body: 'another secret' }), react('mike', GROUP, M1));
    const before = harness.messages.get(M1);
    const [receipt] = harness.given(erase('mary', GROUP, M1));
    expect(receipt).to.include({ sequence: 7, messageId: M1, type: 'message.delete' });
    expect(harness.messages.get(M1)).to.deep.equal({
      ...before,
      ...{ body: null, mentions: [], attachments: [], metadata: {}, deletedAt: harness.now },
    });
    expect(harness.revisions.has(M1)).to.equal(false);
    expect(harness.reactions).to.have.property('size', 1);
    expect(harness.removed).to.have.property('size', 0);
    expect(harness.log.at(-1)).to.deep.include({
      sequence: 7,
      event: { type: 'message.deleted', messageId: M1, messageSequence: 4, mode: 'soft' },
    });
  });

  it('twice changes nothing the second time, in one batch or two', () => {
    const harness = group();
    const [first, second] = harness.answers(erase('mary', GROUP, M1), erase('alice', GROUP, M1));
    expect([first?.sequence, second?.sequence]).to.deep.equal([5, null]);
    const before = structuredClone([harness.chat(GROUP), harness.messages.get(M1)]);
    expect(harness.answer(erase('mary', GROUP, M1))).to.include({ status: 'accepted', sequence: null, messageId: M1 });
    expect([harness.chat(GROUP), harness.messages.get(M1)]).to.deep.equal(before);
  });

  it('leaves a tombstone that can be replied to and be a thread’s root', () => {
    const harness = group();
    harness.given(erase('mary', GROUP, M1));
    harness.given(send('mike', GROUP, 'what was it?', { inReplyTo: M1, threadRootId: M1 }));
    expect(harness.threads.get(M1)).to.equal(1);
  });
});

describe('Deleting a message hard', () => {
  it('deletes row, earlier texts and reactions, and does not reuse the sequence', () => {
    const harness = group();
    harness.given(edit('mary', GROUP, M1, {}), react('mike', GROUP, M1), react('adam', GROUP, M1, ':tea:'));
    const [receipt] = harness.given(erase('mary', GROUP, M1, 'hard'));
    expect(receipt).to.include({ sequence: 8, messageId: M1 });
    expect(harness.messages.has(M1)).to.equal(false);
    expect(harness.revisions.has(M1)).to.equal(false);
    expect(harness.reactions).to.have.property('size', 0);
    expect(harness.removed.get(M1)).to.deep.equal({
      ...{ chatId: GROUP, sequence: 4, messageId: M1, tenantId: 'default', ordinal: 1, senderId: 'mary' },
      createdAt: harness.now,
    });
    expect(harness.log.at(-1)?.event).to.deep.equal({
      type: 'message.deleted',
      messageId: M1,
      messageSequence: 4,
      mode: 'hard',
    });
    expect(harness.given(send('mary', GROUP))[0]?.sequence).to.equal(9);
  });

  it('does not change unread counts: the message still counts as read or unread', () => {
    const harness = group();
    harness.given(send('mary', GROUP), send('mary', GROUP), read('mike', GROUP, 4));
    const people = ['alice', 'adam', 'mary', 'mike', 'ruth'];
    const before = people.map((userId) => unread(harness, userId));
    expect(before).to.deep.equal([3, 3, 0, 2, 3]);
    harness.given(erase('mary', GROUP, M1, 'hard'), erase('mary', GROUP, M2, 'hard'));
    expect(people.map((userId) => unread(harness, userId))).to.deep.equal(before);
    // A mark that is set on, or after, a number that is gone covers it.
    harness.given(read('mike', GROUP, 5), read('alice', GROUP, 4));
    expect(['mike', 'alice'].map((userId) => unread(harness, userId))).to.deep.equal([1, 2]);
  });

  it('may follow a soft deletion; the message then does not exist', () => {
    for (const inOneBatch of [true, false]) {
      const harness = group();
      const drafts = [erase('mary', GROUP, M1), erase('mary', GROUP, M1, 'hard'), erase('mary', GROUP, M1, 'hard')];
      const receipts = inOneBatch ? harness.answers(...drafts) : drafts.map((draft) => harness.answer(draft));
      expect(receipts.map(({ sequence, reason }) => reason?.code ?? sequence)).to.deep.equal([5, 6, 'not_found']);
      expect(harness.messages.has(M1)).to.equal(false);
    }
  });

  it('makes references to it not found, like an unknown id', () => {
    const harness = group();
    harness.given(erase('mary', GROUP, M1, 'hard'));
    for (const draft of [
      send('mike', GROUP, 'yes', { inReplyTo: M1 }),
      send('mike', GROUP, 'yes', { threadRootId: M1 }),
      edit('mary', GROUP, M1, {}),
      react('mike', GROUP, M1),
      unreact('mike', GROUP, M1),
      erase('mary', GROUP, M1),
    ])
      expect(harness.answer(draft).reason, draft.type).to.include({
        code: 'not_found',
        detail: 'no such message in this chat',
      });
  });

  for (const inOneBatch of [true, false])
    it(`removes a reply from its thread's count, and the thread with its root (${inOneBatch ? 'in one batch' : 'over several'})`, () => {
      const harness = group();
      const inThread = { threadRootId: M1 };
      const play = (...drafts: Parameters<DeciderHarness['given']>) => {
        if (inOneBatch) harness.given(...drafts);
        else for (const draft of drafts) harness.given(draft);
      };
      play(send('mike', GROUP, 'a', inThread), send('mike', GROUP, 'b', inThread), erase('mike', GROUP, M2, 'hard'));
      expect(harness.threads.get(M1)).to.equal(1);
      play(erase('mary', GROUP, M1, 'hard'), erase('mike', GROUP, M3, 'hard'));
      expect(harness.threads).to.have.property('size', 0);
    });
});

describe('Changes of one message in one batch', () => {
  it('add up: sent, edited, reacted to, read and soft-deleted, it is a tombstone whose events have no content', () => {
    const harness = group();
    const receipts = harness.given(
      send('mary', GROUP, 'one secret', { mentions: ['mike'], attachments }),
      edit('mary', GROUP, M2, { body: 'two secrets' }),
      react('mike', GROUP, M2),
      read('mike', GROUP, 5),
      erase('mary', GROUP, M2),
    );
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([5, 6, 7, null, 8]);
    expect(harness.written?.messages.map(({ body, revision, deletedAt }) => [body, revision, deletedAt])).to.deep.equal(
      [[null, 2, harness.now]],
    );
    expect(harness.written).to.deep.include({ messagesChanged: [], messagesRemoved: [], revisions: [] });
    expect(JSON.stringify(harness.written)).to.not.include('secret"').and.not.include('secrets');
    expect(unread(harness, 'mike')).to.equal(0);
    const said = harness.log.flatMap(({ event }) => ('message' in event ? [event.message] : []));
    expect(said.filter(({ messageId: id }) => id === M2).map(({ revision, body }) => [revision, body])).to.deep.equal([
      [1, null],
      [2, null],
    ]);
  });

  it('add up: sent, edited, reacted to and hard-deleted, only its sequence and ordinal remain', () => {
    const harness = group();
    harness.given(
      send('mary', GROUP, 'one secret', { threadRootId: M1 }),
      edit('mary', GROUP, M2, { body: 'two secrets' }),
      react('mike', GROUP, M2),
      erase('mary', GROUP, M2, 'hard'),
      send('mary', GROUP, 'on'),
      read('mike', GROUP, 7),
    );
    expect(harness.written?.messages.map(({ messageId: id }) => id)).to.deep.equal([M3]);
    expect(harness.written?.messagesRemoved.map(({ sequence, ordinal }) => [sequence, ordinal])).to.deep.equal([
      [5, 2],
    ]);
    expect(harness.written).to.deep.include({ reactions: [], revisions: [], revisionsErased: [], threads: [] });
    expect(JSON.stringify(harness.written)).to.not.include('secret');
    expect(harness.chat(GROUP)).to.include({ lastSequence: 9, lastOrdinal: 3 });
    // Read up to 7: M1 and M2, which is gone; the last one is not.
    expect(unread(harness, 'mike')).to.equal(1);
  });

  it('publish no intermediate text of a message that is edited and deleted', () => {
    for (const mode of ['soft', 'hard']) {
      const harness = group();
      harness.given(edit('mary', GROUP, M1, { body: 'the second' }));
      harness.given(edit('mary', GROUP, M1, { body: 'the third' }), erase('mary', GROUP, M1, mode));
      expect(harness.written?.revisions).to.deep.equal([]);
      expect(JSON.stringify(harness.written)).to.not.include('the third').and.not.include('the second');
      expect(harness.revisions.has(M1)).to.equal(false);
    }
  });
});

describe('Deleting a message', () => {
  const cases: [string, boolean][] = [
    ['mary', true],
    ['adam', true],
    ['alice', true],
    ['mike', false],
    ['ruth', false],
  ];
  for (const mode of ['soft', 'hard'])
    for (const [actor, permitted] of cases)
      it(`${permitted ? 'is permitted' : 'is not permitted'}: ${actor} deletes a message of mary (${mode})`, () => {
        const harness = group();
        expect(code(harness, erase(actor, GROUP, M1, mode))).to.equal(permitted ? undefined : 'not_permitted');
        expect(harness.chat(GROUP).lastSequence).to.equal(permitted ? 5 : 4);
        expect(harness.messages.get(M1)?.body ?? null).to.equal(permitted ? null : 'secret');
      });

  it('is permitted only to the sender in a direct chat', () => {
    const harness = new DeciderHarness();
    harness.idsToDraw.push(M1);
    const chatId = harness.given(createDirect('alice', 'bob'))[0]?.chatId ?? '';
    harness.given(send('bob', chatId));
    expect(code(harness, erase('alice', chatId, M1))).to.equal('not_permitted');
    harness.given(erase('bob', chatId, M1));
  });

  it('is permitted to a muted member and a reader, and in an archived chat', () => {
    const harness = group();
    const mutedUntil = '2999-01-01T00:00:00Z';
    harness.given(updateMember('alice', GROUP, 'mary', { mutedUntil, role: 'reader' }), archive('alice', GROUP));
    harness.given(erase('mary', GROUP, M1));
    harness.given(erase('mary', GROUP, M1, 'hard'));
  });

  it('does not move read marks', () => {
    const harness = group();
    const before = structuredClone([...harness.members.values()]);
    harness.given(erase('mary', GROUP, M1));
    harness.given(erase('mary', GROUP, M1, 'hard'));
    expect([...harness.members.values()]).to.deep.equal(before);
  });

  it('is not found for an unknown message, a message of another chat, and a non-member', () => {
    const harness = group();
    harness.given(create('mary', CHANNEL, []), send('mary', CHANNEL));
    const reasons = [NOWHERE, M2].map((id) => harness.answer(erase('mary', GROUP, id)).reason);
    expect(reasons[0]).to.deep.equal(reasons[1]).and.include({ code: 'not_found' });
    expect(code(harness, erase('zoe', GROUP, M1))).to.equal('not_found');
    expect(harness.messages.get(M2)?.body).to.equal('hello');
  });

  it('is not found for an earlier message in a since-joined chat', () => {
    const harness = group();
    harness.given(
      update('alice', GROUP, { historyVisibility: 'since-joined' }),
      remove('mary', GROUP, 'mary'),
      add('alice', GROUP, ['mary', 'anna'], 'admin'),
    );
    for (const actor of ['mary', 'anna']) expect(code(harness, erase(actor, GROUP, M1)), actor).to.equal('not_found');
    harness.given(erase('adam', GROUP, M1));
  });
});
