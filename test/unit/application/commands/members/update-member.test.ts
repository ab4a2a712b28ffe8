import { expect } from 'chai';
import { directChatId } from '../../../../../src/contract/messages/direct-chat-id.js';
import { DeciderHarness, type Draft } from '../decider-harness.js';
import { add, archive, CHANNEL, create, createDirect, GROUP, NOWHERE, remove, send, updateMember } from '../drafts.js';

/** A group of alice (owner), adam and anna (admins), mary (member) and ruth (reader). */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.given(
    create('alice', GROUP, ['mary']),
    add('alice', GROUP, ['adam', 'anna'], 'admin'),
    add('alice', GROUP, ['ruth'], 'reader'),
  );
  return harness;
}

const code = (harness: DeciderHarness, draft: Draft) => harness.answer(draft).reason?.code;
const later = (harness: DeciderHarness, milliseconds: number) => new Date(harness.now.getTime() + milliseconds);

describe('Changing a member', () => {
  it('assigns another role and changes nothing else', () => {
    const harness = group();
    const before = structuredClone(harness.member(GROUP, 'mary'));
    const [receipt] = harness.given(updateMember('alice', GROUP, 'mary', { role: 'reader' }));
    expect(receipt?.sequence).to.equal(4);
    expect(harness.member(GROUP, 'mary')).to.deep.equal({ ...before, role: 'reader', roleSequence: 4 });
    expect(harness.chat(GROUP)).to.include({ memberCount: 5, ownerCount: 1, lastSequence: 4 });
    expect(harness.log.at(-1)?.event).to.deep.equal({
      ...{ type: 'member.updated', userId: 'mary', role: 'reader', mutedUntil: null },
    });
    expect(code(harness, send('mary', GROUP))).to.equal('not_permitted');
  });

  it('takes effect at once, for later commands of the same batch', () => {
    const harness = new DeciderHarness();
    const receipts = harness.answers(
      ...[create('alice', CHANNEL, ['bob'], { kind: 'channel' }), send('bob', CHANNEL)],
      ...[updateMember('alice', CHANNEL, 'bob', { role: 'admin' }), send('bob', CHANNEL)],
      ...[updateMember('alice', CHANNEL, 'bob', { role: 'member' }), send('bob', CHANNEL)],
    );
    expect(receipts.map(({ sequence, reason }) => reason?.code ?? sequence)).to.deep.equal([
      ...[1, 'not_permitted', 2, 3, 4, 'not_permitted'],
    ]);
  });

  it('mutes until a time, and null ends the mute early', () => {
    const harness = group();
    const mutedUntil = later(harness, 60_000);
    harness.given(updateMember('adam', GROUP, 'mary', { mutedUntil: mutedUntil.toISOString() }));
    expect(harness.member(GROUP, 'mary')).to.deep.include({ mutedUntil, role: 'member' });
    expect(harness.log.at(-1)?.event).to.include({ mutedUntil: mutedUntil.toISOString(), role: 'member' });
    expect(code(harness, send('mary', GROUP))).to.equal('muted');
    harness.given(updateMember('adam', GROUP, 'mary', { role: 'reader' }));
    expect(harness.member(GROUP, 'mary')?.mutedUntil).to.deep.equal(mutedUntil);
    harness.given(updateMember('alice', GROUP, 'mary', { role: 'member', mutedUntil: null }), send('mary', GROUP));
  });

  it('does not count mutes that have ended', () => {
    const harness = group();
    harness.given(updateMember('alice', GROUP, 'mary', { mutedUntil: later(harness, 1).toISOString() }));
    harness.now = later(harness, 1);
    harness.given(send('mary', GROUP));
  });

  it('reads a time in any zone, to the millisecond', () => {
    const harness = group();
    harness.given(updateMember('alice', GROUP, 'mary', { mutedUntil: '2030-01-01T01:30:00.1239+01:30' }));
    expect(harness.member(GROUP, 'mary')?.mutedUntil).to.deep.equal(new Date('2030-01-01T00:00:00.123Z'));
    const again = { mutedUntil: '2030-01-01T00:00:00.123Z' };
    expect(harness.answer(updateMember('alice', GROUP, 'mary', again)).sequence).to.equal(null);
  });

  it('to the present values changes nothing', () => {
    const harness = group();
    const before = structuredClone([harness.chat(GROUP), harness.member(GROUP, 'mary')]);
    for (const data of [{}, { role: 'member' }, { mutedUntil: null }, { role: 'member', mutedUntil: null }])
      expect(harness.answer(updateMember('alice', GROUP, 'mary', data)), JSON.stringify(data)).to.include({
        ...{ status: 'accepted', sequence: null },
      });
    expect([harness.chat(GROUP), harness.member(GROUP, 'mary')]).to.deep.equal(before);
    expect(harness.log).to.have.length(3);
  });

  it('counts owners when roles change', () => {
    const harness = group();
    harness.given(updateMember('alice', GROUP, 'mary', { role: 'owner' }));
    expect(harness.chat(GROUP).ownerCount).to.equal(2);
    harness.given(updateMember('alice', GROUP, 'alice', { role: 'admin' }));
    expect(harness.chat(GROUP).ownerCount).to.equal(1);
    expect(harness.member(GROUP, 'alice')?.role).to.equal('admin');
  });

  it('who is the last owner to a lower role is a conflict, also if the other owner left in the same batch', () => {
    const harness = group();
    const step = (userId: string) => updateMember(userId, GROUP, userId, { role: 'member' });
    expect(harness.answer(step('alice')).reason).to.include({
      code: 'conflict',
      detail: 'the chat would lose its last owner',
    });
    const receipts = harness.answers(
      ...[updateMember('alice', GROUP, 'mary', { role: 'owner' }), step('alice'), step('mary')],
      remove('mary', GROUP, 'mary'),
    );
    expect(receipts.map(({ sequence, reason }) => reason?.code ?? sequence)).to.deep.equal([
      4,
      5,
      'conflict',
      'conflict',
    ]);
    expect(harness.chat(GROUP).ownerCount).to.equal(1);
    // The last owner may still be muted, or be named an owner once more.
    harness.given(updateMember('mary', GROUP, 'mary', { role: 'owner', mutedUntil: '2999-01-01T00:00:00Z' }));
  });

  it('who is not in the chat is not found, for an actor who may change members', () => {
    const harness = group();
    expect(harness.answer(updateMember('alice', GROUP, 'zoe', { role: 'admin' })).reason).to.include({
      code: 'not_found',
      detail: 'no such member in this chat',
    });
    const [, after] = harness.answers(
      remove('alice', GROUP, 'mary'),
      updateMember('alice', GROUP, 'mary', { role: 'reader' }),
    );
    expect(after?.reason?.code).to.equal('not_found');
  });

  it('is not found for an unknown chat and for a non-member', () => {
    const harness = group();
    for (const draft of [updateMember('alice', NOWHERE, 'mary', {}), updateMember('zoe', GROUP, 'mary', {})])
      expect(code(harness, draft)).to.equal('not_found');
  });

  it('is refused in an archived chat', () => {
    const harness = group();
    harness.given(archive('alice', GROUP));
    expect(code(harness, updateMember('alice', GROUP, 'mary', { role: 'admin' }))).to.equal('archived');
  });

  it('does not apply to a direct chat', () => {
    const harness = new DeciderHarness();
    harness.given(createDirect('alice', 'bob'));
    const chatId = directChatId('default', 'alice', 'bob');
    for (const data of [{ role: 'owner' }, { role: 'reader' }, { mutedUntil: '2999-01-01T00:00:00Z' }])
      for (const userId of ['alice', 'bob'])
        expect(code(harness, updateMember('alice', chatId, userId, data))).to.equal('not_permitted');
  });

  for (const [actor, target, role, permitted] of [
    ['alice', 'adam', 'member', true],
    ['alice', 'mary', 'owner', true],
    ['adam', 'mary', 'admin', true],
    ['adam', 'ruth', 'member', true],
    ['adam', 'mary', 'owner', false],
    ['adam', 'anna', 'member', false],
    ['adam', 'adam', 'owner', false],
    ['adam', 'alice', 'member', false],
    ['adam', 'zoe', 'member', false],
    ['mary', 'ruth', 'member', false],
    ['mary', 'mary', 'admin', false],
    ['ruth', 'ruth', 'member', false],
  ] as const)
    it(`${permitted ? 'is permitted' : 'is not permitted'}: ${actor} makes ${target} ${role}`, () => {
      const harness = group();
      const receipt = harness.answer(updateMember(actor, GROUP, target, { role }));
      expect(receipt.reason?.code).to.equal(permitted ? undefined : 'not_permitted');
      expect(harness.chat(GROUP).lastSequence).to.equal(permitted ? 4 : 3);
    });

  it('does not permit a muted admin to end the mute', () => {
    const harness = group();
    harness.given(updateMember('alice', GROUP, 'adam', { mutedUntil: '2999-01-01T00:00:00Z' }));
    expect(code(harness, updateMember('adam', GROUP, 'adam', { mutedUntil: null }))).to.equal('not_permitted');
    expect(code(harness, updateMember('anna', GROUP, 'adam', { mutedUntil: null }))).to.equal('not_permitted');
    expect(code(harness, send('adam', GROUP))).to.equal('muted');
  });
});
