import { expect } from 'chai';
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
} from './drafts.js';
import { Stage } from './stage.js';

const M1 = messageId(1);
const MINUTE_MS = 60_000;

/** A group of alice (owner), adam (admin), mary and mike (members); mary has said M1 as number 3. */
function group(): Stage {
  const stage = new Stage();
  stage.idsToDraw.push(M1);
  const data = { mentions: ['mike'], metadata: { a: 1 }, attachments: [{ url: 'https://f.example/a', ...file }] };
  stage.given(
    create('alice', GROUP, ['mary', 'mike']),
    add('alice', GROUP, ['adam'], 'admin'),
    send('mary', GROUP, 'hello', data),
  );
  return stage;
}

const file = { mediaType: 'image/png', size: 1, name: 'a' };
const code = (stage: Stage, ...[draft]: Parameters<Stage['answer']>) => stage.answer(draft).reason?.code;

describe('Editing a message', () => {
  it('to a text that nobody can see is refused, unless it has attachments', () => {
    const stage = group();
    expect(stage.given(edit('mary', GROUP, M1, { body: ' ' }))[0]?.sequence).to.equal(4);
    const bare = messageId(2);
    stage.idsToDraw.push(bare);
    stage.given(send('mary', GROUP, 'no attachment'));
    expect(stage.answer(edit('mary', GROUP, bare, { body: '\u200b' })).reason).to.deep.include({
      code: 'invalid',
      violations: [{ path: 'data.body', message: 'must have a visible character' }],
    });
  });

  it('gives it the new text, and keeps the one it had with who wrote it and when', () => {
    const stage = group();
    const before = structuredClone(stage.messages.get(M1));
    const sentAt = stage.now;
    stage.now = new Date(stage.now.getTime() + MINUTE_MS);
    const [receipt] = stage.given(edit('mary', GROUP, M1, { body: 'hello 😀', mentions: [], metadata: { b: 2 } }));
    expect(receipt).to.include({ sequence: 4, messageId: M1, type: 'message.edit' });
    const text = { body: 'hello 😀', mentions: [], metadata: { b: 2 } };
    const message = { ...before, ...text, revision: 2, editedAt: stage.now, editedBy: 'mary' };
    expect(stage.messages.get(M1)).to.deep.equal(message);
    expect(stage.revisions.get(M1)).to.deep.equal([
      {
        ...{ messageId: M1, revision: 1, body: 'hello', mentions: ['mike'], metadata: { a: 1 } },
        ...{ actorId: 'mary', at: sentAt },
      },
    ]);
    expect(stage.log.at(-1)).to.deep.include({ sequence: 4, event: { type: 'message.edited', message } });
    expect(stage.chat(GROUP)).to.deep.include({ lastSequence: 4, lastOrdinal: 1, lastActivityAt: sentAt });
  });

  it('keeps mentions and metadata that it does not name, and attachments in any case', () => {
    const stage = group();
    const before = stage.messages.get(M1);
    stage.given(edit('mary', GROUP, M1, { body: 'new' }));
    const { mentions, metadata, attachments, ordinal, createdAt } = before ?? expect.fail('not stored');
    expect(stage.messages.get(M1)).to.deep.include({ mentions, metadata, attachments, ordinal, createdAt });
  });

  for (const [when, inOneBatch] of [
    ['one batch', true],
    ['several', false],
  ] as const)
    it(`adds to its earlier texts and never changes them (in ${when})`, () => {
      const stage = group();
      const drafts = ['one', 'two', 'three'].map((body) => edit('mary', GROUP, M1, { body }));
      if (inOneBatch) stage.given(...drafts);
      else for (const draft of drafts) stage.given(draft);
      expect(stage.messages.get(M1)).to.include({ body: 'three', revision: 4 });
      expect(stage.revisions.get(M1)?.map(({ revision, body }) => [revision, body])).to.deep.equal([
        [1, 'hello'],
        [2, 'one'],
        [3, 'two'],
      ]);
      const edits = stage.log.flatMap(({ event }) => (event.type === 'message.edited' ? [event.message] : []));
      expect(edits.map(({ revision, body }) => [revision, body])).to.deep.equal([
        [2, 'one'],
        [3, 'two'],
        [4, 'three'],
      ]);
    });

  it('changes nothing where it says what is there already', () => {
    const stage = group();
    const before = structuredClone([stage.chat(GROUP), stage.messages.get(M1), stage.log.length]);
    for (const data of [{ body: 'hello' }, { body: 'hello', mentions: ['mike'], metadata: { a: 1 } }])
      expect(stage.answer(edit('mary', GROUP, M1, data))).to.include({
        ...{ status: 'accepted', sequence: null, messageId: M1 },
      });
    expect([stage.chat(GROUP), stage.messages.get(M1), stage.log.length]).to.deep.equal(before);
  });

  it('changes something where only mentions or metadata differ', () => {
    for (const data of [{ mentions: [] }, { metadata: {} }, { metadata: { a: 1, b: null } }]) {
      const stage = group();
      expect(stage.given(edit('mary', GROUP, M1, { body: 'hello', ...data }))[0]?.sequence).to.equal(4);
      expect(stage.revisions.get(M1)).to.have.length(1);
    }
  });

  it('does not take metadata for others because of a minus zero, which JSON does not keep', () => {
    const stage = group();
    const zero = { ...edit('mary', GROUP, M1, { body: 'hello', metadata: { a: 0 } }) };
    stage.given(zero);
    const again = edit('mary', GROUP, M1, { body: 'hello', metadata: { a: 0 } });
    const text = JSON.stringify(again.body).replace('"a":0', '"a":-0');
    const [receipt] = stage.given({ ...again, properties: { body: Buffer.from(text) } });
    expect(receipt?.sequence).to.equal(null);
  });

  it('does not move anybody’s read mark, nor the number of messages', () => {
    const stage = group();
    const before = structuredClone([...stage.members.values()]);
    stage.given(edit('mary', GROUP, M1, {}));
    expect([...stage.members.values()]).to.deep.equal(before);
    expect(stage.chat(GROUP).lastOrdinal).to.equal(1);
  });

  it('is for its sender alone: neither other members nor admins nor owners put words into a mouth', () => {
    const stage = group();
    for (const actor of ['mike', 'adam', 'alice'])
      expect(code(stage, edit(actor, GROUP, M1, {})), actor).to.equal('not_permitted');
    expect(stage.messages.get(M1)?.revision).to.equal(1);
  });

  it('is not for a sender who has become a reader, nor in a channel for one who may no longer post there', () => {
    const stage = group();
    stage.given(updateMember('alice', GROUP, 'mary', { role: 'reader' }));
    expect(code(stage, edit('mary', GROUP, M1, {}))).to.equal('not_permitted');

    stage.idsToDraw.push(messageId(2));
    stage.given(
      create('alice', CHANNEL, [], { kind: 'channel' }),
      add('alice', CHANNEL, ['adam'], 'admin'),
      send('adam', CHANNEL),
      edit('adam', CHANNEL, messageId(2), {}),
      updateMember('alice', CHANNEL, 'adam', { role: 'member' }),
    );
    expect(code(stage, edit('adam', CHANNEL, messageId(2), { body: 'sneaked in' }))).to.equal('not_permitted');
  });

  it('is for both in a direct chat, each of their own', () => {
    const stage = new Stage();
    stage.idsToDraw.push(M1);
    const chatId = stage.given(createDirect('alice', 'bob'))[0]?.chatId ?? '';
    stage.given(send('bob', chatId), edit('bob', chatId, M1, {}));
    expect(code(stage, edit('alice', chatId, M1, { body: 'x' }))).to.equal('not_permitted');
  });

  it('is not found where there is no such message, also elsewhere, and to one who is not in the chat', () => {
    const stage = group();
    stage.idsToDraw.push(messageId(2));
    stage.given(create('mary', CHANNEL, []), send('mary', CHANNEL));
    const reasons = [NOWHERE, messageId(2)].map((id) => stage.answer(edit('mary', GROUP, id, {})).reason);
    expect(reasons[0]).to.deep.equal(reasons[1]);
    expect(reasons[0]).to.include({ code: 'not_found', detail: 'no such message in this chat' });
    expect(stage.answer(edit('zoe', GROUP, M1, {})).reason).to.include({
      code: 'not_found',
      detail: 'no such chat, or the actor is not in it',
    });
    expect(code(stage, edit('mary', NOWHERE, M1, {}))).to.equal('not_found');
  });

  for (const mode of ['soft', 'hard'])
    it(`is not found once the message is deleted, also earlier in the same batch (${mode})`, () => {
      const stage = group();
      const [, edited] = stage.answers(erase('mary', GROUP, M1, mode), edit('mary', GROUP, M1, {}));
      expect(edited?.reason?.code).to.equal('not_found');
      expect(code(stage, edit('mary', GROUP, M1, {}))).to.equal('not_found');
    });

  it('is refused in an archived chat', () => {
    const stage = group();
    stage.given(archive('alice', GROUP));
    expect(code(stage, edit('mary', GROUP, M1, {}))).to.equal('archived');
  });

  it('is refused to one who is muted, until the time is over', () => {
    const stage = group();
    const mutedUntil = new Date(stage.now.getTime() + MINUTE_MS);
    stage.given(updateMember('alice', GROUP, 'mary', { mutedUntil: mutedUntil.toISOString() }));
    expect(stage.answer(edit('mary', GROUP, M1, {})).reason).to.include({
      code: 'muted',
      detail: `until ${mutedUntil.toISOString()}`,
    });
    stage.now = mutedUntil;
    stage.given(edit('mary', GROUP, M1, {}));
  });

  it('is not found where only what came since joining may be seen and the message is older', () => {
    const stage = group();
    stage.given(remove('mary', GROUP, 'mary'), add('alice', GROUP, ['mary']));
    stage.given(edit('mary', GROUP, M1, {}));
    stage.given(update('alice', GROUP, { historyVisibility: 'since-joined' }));
    expect(code(stage, edit('mary', GROUP, M1, { body: 'x' }))).to.equal('not_found');
  });
});

describe('An edit window', () => {
  it('is open to its last millisecond, then the sender may not edit any more', () => {
    const stage = group();
    stage.editWindowsMs.default = MINUTE_MS;
    const sentAt = stage.now.getTime();
    stage.now = new Date(sentAt + MINUTE_MS);
    stage.given(edit('mary', GROUP, M1, {}));
    stage.now = new Date(sentAt + MINUTE_MS + 1);
    expect(stage.answer(edit('mary', GROUP, M1, { body: 'x' })).reason).to.include({
      code: 'not_permitted',
      detail: 'edit-window: too long ago to be edited',
    });
    expect(stage.messages.get(M1)?.body).to.equal('hello again');
  });

  it('counts from the sending, not from the last edit', () => {
    const stage = group();
    stage.editWindowsMs.default = MINUTE_MS;
    const sentAt = stage.now.getTime();
    stage.now = new Date(sentAt + MINUTE_MS / 2);
    stage.given(edit('mary', GROUP, M1, {}));
    stage.now = new Date(sentAt + MINUTE_MS + 1);
    expect(code(stage, edit('mary', GROUP, M1, { body: 'x' }))).to.equal('not_permitted');
  });

  it("is the tenant's own", () => {
    const stage = group();
    stage.editWindowsMs.acme = MINUTE_MS;
    const acme = { tenantId: 'acme' };
    stage.idsToDraw.push(messageId(2));
    stage.given(create('mary', CHANNEL, [], {}, acme), send('mary', CHANNEL, 'hello', {}, acme));
    stage.now = new Date(stage.now.getTime() + MINUTE_MS + 1);
    expect(code(stage, edit('mary', CHANNEL, messageId(2), {}, acme))).to.equal('not_permitted');
    stage.given(edit('mary', GROUP, M1, {}));
  });
});
