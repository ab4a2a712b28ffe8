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
  remove,
  send,
  update,
  updateMember,
} from '../drafts.js';

const M1 = messageId(1);
const MINUTE_MS = 60_000;

/** A group of alice (owner), adam (admin), mary and mike (members); mary has said M1 as number 3. */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.idsToDraw.push(M1);
  const data = { mentions: ['mike'], metadata: { a: 1 }, attachments: [{ url: 'https://f.example/a', ...file }] };
  harness.given(
    create('alice', GROUP, ['mary', 'mike']),
    add('alice', GROUP, ['adam'], 'admin'),
    send('mary', GROUP, 'hello', data),
  );
  return harness;
}

const file = { mediaType: 'image/png', size: 1, name: 'a' };
const code = (harness: DeciderHarness, ...[draft]: Parameters<DeciderHarness['answer']>) =>
  harness.answer(draft).reason?.code;

describe('Editing a message', () => {
  it('to an invisible text is refused, unless the message has attachments', () => {
    const harness = group();
    expect(harness.given(edit('mary', GROUP, M1, { body: ' ' }))[0]?.sequence).to.equal(4);
    const bare = messageId(2);
    harness.idsToDraw.push(bare);
    harness.given(send('mary', GROUP, 'no attachment'));
    expect(harness.answer(edit('mary', GROUP, bare, { body: '\u200b' })).reason).to.deep.include({
      code: 'invalid',
      violations: [{ path: 'data.body', message: 'must have a visible character' }],
    });
  });

  it('replaces the text, and keeps the earlier one with author and time', () => {
    const harness = group();
    const before = structuredClone(harness.messages.get(M1));
    const sentAt = harness.now;
    harness.now = new Date(harness.now.getTime() + MINUTE_MS);
    const [receipt] = harness.given(edit('mary', GROUP, M1, { body: 'hello 😀', mentions: [], metadata: { b: 2 } }));
    expect(receipt).to.include({ sequence: 4, messageId: M1, type: 'message.edit' });
    const text = { body: 'hello 😀', mentions: [], metadata: { b: 2 } };
    const message = { ...before, ...text, revision: 2, editedAt: harness.now, editedBy: 'mary' };
    expect(harness.messages.get(M1)).to.deep.equal(message);
    expect(harness.revisions.get(M1)).to.deep.equal([
      {
        ...{ messageId: M1, revision: 1, body: 'hello', mentions: ['mike'], metadata: { a: 1 } },
        ...{ actorId: 'mary', at: sentAt },
      },
    ]);
    expect(harness.log.at(-1)).to.deep.include({ sequence: 4, event: { type: 'message.edited', message } });
    expect(harness.chat(GROUP)).to.deep.include({ lastSequence: 4, lastOrdinal: 1, lastActivityAt: sentAt });
  });

  it('keeps omitted mentions and metadata, and always the attachments', () => {
    const harness = group();
    const before = harness.messages.get(M1);
    harness.given(edit('mary', GROUP, M1, { body: 'new' }));
    const { mentions, metadata, attachments, ordinal, createdAt } = before ?? expect.fail('not stored');
    expect(harness.messages.get(M1)).to.deep.include({ mentions, metadata, attachments, ordinal, createdAt });
  });

  for (const [when, inOneBatch] of [
    ['one batch', true],
    ['several', false],
  ] as const)
    it(`adds earlier texts and never changes them (in ${when})`, () => {
      const harness = group();
      const drafts = ['one', 'two', 'three'].map((body) => edit('mary', GROUP, M1, { body }));
      if (inOneBatch) harness.given(...drafts);
      else for (const draft of drafts) harness.given(draft);
      expect(harness.messages.get(M1)).to.include({ body: 'three', revision: 4 });
      expect(harness.revisions.get(M1)?.map(({ revision, body }) => [revision, body])).to.deep.equal([
        [1, 'hello'],
        [2, 'one'],
        [3, 'two'],
      ]);
      const edits = harness.log.flatMap(({ event }) => (event.type === 'message.edited' ? [event.message] : []));
      expect(edits.map(({ revision, body }) => [revision, body])).to.deep.equal([
        [2, 'one'],
        [3, 'two'],
        [4, 'three'],
      ]);
    });

  it('changes nothing if all fields are equal', () => {
    const harness = group();
    const before = structuredClone([harness.chat(GROUP), harness.messages.get(M1), harness.log.length]);
    for (const data of [{ body: 'hello' }, { body: 'hello', mentions: ['mike'], metadata: { a: 1 } }])
      expect(harness.answer(edit('mary', GROUP, M1, data))).to.include({
        ...{ status: 'accepted', sequence: null, messageId: M1 },
      });
    expect([harness.chat(GROUP), harness.messages.get(M1), harness.log.length]).to.deep.equal(before);
  });

  it('is a change if only mentions or metadata differ', () => {
    for (const data of [{ mentions: [] }, { metadata: {} }, { metadata: { a: 1, b: null } }]) {
      const harness = group();
      expect(harness.given(edit('mary', GROUP, M1, { body: 'hello', ...data }))[0]?.sequence).to.equal(4);
      expect(harness.revisions.get(M1)).to.have.length(1);
    }
  });

  it('ignores minus zero in metadata, which JSON does not keep', () => {
    const harness = group();
    const zero = { ...edit('mary', GROUP, M1, { body: 'hello', metadata: { a: 0 } }) };
    harness.given(zero);
    const again = edit('mary', GROUP, M1, { body: 'hello', metadata: { a: 0 } });
    const text = JSON.stringify(again.body).replace('"a":0', '"a":-0');
    const [receipt] = harness.given({ ...again, properties: { body: Buffer.from(text) } });
    expect(receipt?.sequence).to.equal(null);
  });

  it('changes neither read marks nor the number of messages', () => {
    const harness = group();
    const before = structuredClone([...harness.members.values()]);
    harness.given(edit('mary', GROUP, M1, {}));
    expect([...harness.members.values()]).to.deep.equal(before);
    expect(harness.chat(GROUP).lastOrdinal).to.equal(1);
  });

  it('is permitted only to its sender, not to members, admins or owners', () => {
    const harness = group();
    for (const actor of ['mike', 'adam', 'alice'])
      expect(code(harness, edit(actor, GROUP, M1, {})), actor).to.equal('not_permitted');
    expect(harness.messages.get(M1)?.revision).to.equal(1);
  });

  it('is not permitted to a sender who became a reader, or may no longer post in the channel', () => {
    const harness = group();
    harness.given(updateMember('alice', GROUP, 'mary', { role: 'reader' }));
    expect(code(harness, edit('mary', GROUP, M1, {}))).to.equal('not_permitted');

    harness.idsToDraw.push(messageId(2));
    harness.given(
      create('alice', CHANNEL, [], { kind: 'channel' }),
      add('alice', CHANNEL, ['adam'], 'admin'),
      send('adam', CHANNEL),
      edit('adam', CHANNEL, messageId(2), {}),
      updateMember('alice', CHANNEL, 'adam', { role: 'member' }),
    );
    expect(code(harness, edit('adam', CHANNEL, messageId(2), { body: 'sneaked in' }))).to.equal('not_permitted');
  });

  it('is permitted to both users of a direct chat, for their own messages', () => {
    const harness = new DeciderHarness();
    harness.idsToDraw.push(M1);
    const chatId = harness.given(createDirect('alice', 'bob'))[0]?.chatId ?? '';
    harness.given(send('bob', chatId), edit('bob', chatId, M1, {}));
    expect(code(harness, edit('alice', chatId, M1, { body: 'x' }))).to.equal('not_permitted');
  });

  it('is not found for an unknown message, a message of another chat, and a non-member', () => {
    const harness = group();
    harness.idsToDraw.push(messageId(2));
    harness.given(create('mary', CHANNEL, []), send('mary', CHANNEL));
    const reasons = [NOWHERE, messageId(2)].map((id) => harness.answer(edit('mary', GROUP, id, {})).reason);
    expect(reasons[0]).to.deep.equal(reasons[1]);
    expect(reasons[0]).to.include({ code: 'not_found', detail: 'no such message in this chat' });
    expect(harness.answer(edit('zoe', GROUP, M1, {})).reason).to.include({
      code: 'not_found',
      detail: 'no such chat, or the actor is not in it',
    });
    expect(code(harness, edit('mary', NOWHERE, M1, {}))).to.equal('not_found');
  });

  for (const mode of ['soft', 'hard'])
    it(`is not found for a deleted message, also in the same batch (${mode})`, () => {
      const harness = group();
      const [, edited] = harness.answers(erase('mary', GROUP, M1, mode), edit('mary', GROUP, M1, {}));
      expect(edited?.reason?.code).to.equal('not_found');
      expect(code(harness, edit('mary', GROUP, M1, {}))).to.equal('not_found');
    });

  it('is refused in an archived chat', () => {
    const harness = group();
    harness.given(archive('alice', GROUP));
    expect(code(harness, edit('mary', GROUP, M1, {}))).to.equal('archived');
  });

  it('is refused to a muted member until the mute ends', () => {
    const harness = group();
    const mutedUntil = new Date(harness.now.getTime() + MINUTE_MS);
    harness.given(updateMember('alice', GROUP, 'mary', { mutedUntil: mutedUntil.toISOString() }));
    expect(harness.answer(edit('mary', GROUP, M1, {})).reason).to.include({
      code: 'muted',
      detail: `until ${mutedUntil.toISOString()}`,
    });
    harness.now = mutedUntil;
    harness.given(edit('mary', GROUP, M1, {}));
  });

  it('is not found for an earlier message in a since-joined chat', () => {
    const harness = group();
    harness.given(remove('mary', GROUP, 'mary'), add('alice', GROUP, ['mary']));
    harness.given(edit('mary', GROUP, M1, {}));
    harness.given(update('alice', GROUP, { historyVisibility: 'since-joined' }));
    expect(code(harness, edit('mary', GROUP, M1, { body: 'x' }))).to.equal('not_found');
  });
});

describe('An edit window', () => {
  it('includes its last millisecond; afterwards the sender may not edit', () => {
    const harness = group();
    harness.editWindowsMs.default = MINUTE_MS;
    const sentAt = harness.now.getTime();
    harness.now = new Date(sentAt + MINUTE_MS);
    harness.given(edit('mary', GROUP, M1, {}));
    harness.now = new Date(sentAt + MINUTE_MS + 1);
    expect(harness.answer(edit('mary', GROUP, M1, { body: 'x' })).reason).to.include({
      code: 'not_permitted',
      detail: 'edit-window: The edit window has ended.',
    });
    expect(harness.messages.get(M1)?.body).to.equal('hello again');
  });

  it('begins with the send, not with the last edit', () => {
    const harness = group();
    harness.editWindowsMs.default = MINUTE_MS;
    const sentAt = harness.now.getTime();
    harness.now = new Date(sentAt + MINUTE_MS / 2);
    harness.given(edit('mary', GROUP, M1, {}));
    harness.now = new Date(sentAt + MINUTE_MS + 1);
    expect(code(harness, edit('mary', GROUP, M1, { body: 'x' }))).to.equal('not_permitted');
  });

  it('is set per tenant', () => {
    const harness = group();
    harness.editWindowsMs.acme = MINUTE_MS;
    const acme = { tenantId: 'acme' };
    harness.idsToDraw.push(messageId(2));
    harness.given(create('mary', CHANNEL, [], {}, acme), send('mary', CHANNEL, 'hello', {}, acme));
    harness.now = new Date(harness.now.getTime() + MINUTE_MS + 1);
    expect(code(harness, edit('mary', CHANNEL, messageId(2), {}, acme))).to.equal('not_permitted');
    harness.given(edit('mary', GROUP, M1, {}));
  });
});
