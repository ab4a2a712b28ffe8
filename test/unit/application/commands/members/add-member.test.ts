import { expect } from 'chai';
import { directChatId } from '../../../../../src/contract/messages/direct-chat-id.js';
import { DeciderHarness } from '../decider-harness.js';
import { add, create, createDirect, GROUP, remove, send, updateMember } from '../drafts.js';

/** A group of alice (owner), adam (admin), mary (member) and ruth (reader). */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.given(
    create('alice', GROUP, ['mary']),
    add('alice', GROUP, ['adam'], 'admin'),
    add('alice', GROUP, ['ruth'], 'reader'),
  );
  return harness;
}

describe('Adding members', () => {
  it('adds only the new members, as one event', () => {
    const harness = group();
    const [receipt] = harness.given(add('alice', GROUP, ['mary', 'nora', 'alice', 'olga', 'nora']));
    expect(receipt?.sequence).to.equal(4);
    expect(harness.log.at(-1)?.event).to.deep.equal({
      type: 'member.added',
      members: [
        { userId: 'nora', role: 'member' },
        { userId: 'olga', role: 'member' },
      ],
    });
    expect(harness.chat(GROUP)).to.include({ memberCount: 6, ownerCount: 1, lastSequence: 4 });
  });

  it('who are all members already changes nothing and keeps their roles', () => {
    const harness = group();
    const before = structuredClone(harness.chat(GROUP));
    const [receipt] = harness.given(add('alice', GROUP, ['adam', 'mary', 'alice'], 'reader'));
    expect(receipt?.sequence).to.equal(null);
    expect(harness.member(GROUP, 'adam')?.role).to.equal('admin');
    expect(harness.chat(GROUP)).to.deep.equal(before);
    expect(harness.log).to.have.length(3);
  });

  it('counts earlier messages as read', () => {
    const harness = group();
    harness.given(send('mary', GROUP), send('adam', GROUP), add('alice', GROUP, ['nora']), send('alice', GROUP));
    expect(harness.member(GROUP, 'nora')).to.include({ joinedSequence: 6, readSequence: 6, readOrdinal: 2 });
    expect(harness.chat(GROUP).lastOrdinal - (harness.member(GROUP, 'nora')?.readOrdinal ?? 0)).to.equal(1);
  });

  it('assigns the requested role, and counts the owners', () => {
    const harness = group();
    harness.given(add('alice', GROUP, ['nora', 'olga'], 'owner'), add('nora', GROUP, ['pia'], 'admin'));
    expect(harness.chat(GROUP)).to.include({ memberCount: 7, ownerCount: 3 });
    expect(harness.member(GROUP, 'olga')?.role).to.equal('owner');
    expect(harness.member(GROUP, 'pia')?.role).to.equal('admin');
  });

  it('adds a user who was removed earlier in the same batch, as a new member', () => {
    const harness = group();
    harness.given(send('mary', GROUP), remove('alice', GROUP, 'adam'), add('alice', GROUP, ['adam']));
    expect(harness.member(GROUP, 'adam')).to.include({ role: 'member', joinedSequence: 6, readOrdinal: 1 });
    expect(harness.chat(GROUP).memberCount).to.equal(4);
  });

  for (const [when, inOneBatch] of [
    ['in one batch', true],
    ['in several batches', false],
  ] as const)
    it(`keeps the mute of a user who left and returns (${when})`, () => {
      const harness = group();
      const until = new Date(harness.now.getTime() + 60_000);
      const mute = (mutedUntil: Date | null) => updateMember('alice', GROUP, 'mary', { mutedUntil });
      const play = (...drafts: Parameters<DeciderHarness['given']>) =>
        inOneBatch ? harness.given(...drafts) : drafts.map((draft) => harness.given(draft));
      play(mute(until), remove('mary', GROUP, 'mary'), add('adam', GROUP, ['nora', 'mary']));
      expect(harness.member(GROUP, 'mary')?.mutedUntil).to.deep.equal(until);
      expect(harness.member(GROUP, 'nora')?.mutedUntil).to.equal(null);
      expect(harness.log.at(-1)?.event).to.deep.equal({
        type: 'member.added',
        members: [
          { userId: 'nora', role: 'member' },
          { userId: 'mary', role: 'member', mutedUntil: until.toISOString() },
        ],
      });
      expect(harness.answer(send('mary', GROUP)).reason?.code).to.equal('muted');
      play(mute(null), remove('alice', GROUP, 'mary'), add('alice', GROUP, ['mary']), send('mary', GROUP));
      expect(harness.member(GROUP, 'mary')?.mutedUntil).to.equal(null);
    });

  it('forgets a mute that ended while the user was away', () => {
    const harness = group();
    const mutedUntil = new Date(harness.now.getTime() + 60_000).toISOString();
    harness.given(updateMember('alice', GROUP, 'mary', { mutedUntil }), remove('alice', GROUP, 'mary'));
    harness.now = new Date(mutedUntil);
    harness.given(add('alice', GROUP, ['mary']), send('mary', GROUP));
    expect(harness.member(GROUP, 'mary')?.mutedUntil).to.equal(null);
  });

  it('leaves only two events of a user who is added and removed in one batch', () => {
    const harness = group();
    harness.given(add('alice', GROUP, ['nora']), remove('nora', GROUP, 'nora'));
    expect(harness.member(GROUP, 'nora')).to.equal(undefined);
    expect(harness.chat(GROUP)).to.include({ memberCount: 4, lastSequence: 5 });
  });

  it('does not apply to a direct chat', () => {
    const harness = new DeciderHarness();
    harness.given(createDirect('alice', 'bob'));
    const receipt = harness.answer(add('alice', directChatId('default', 'alice', 'bob'), ['carol']));
    expect(receipt.reason).to.deep.include({
      code: 'invalid',
      violations: [{ path: 'type', message: 'member.add does not apply to a direct chat' }],
    });
  });

  it('does not apply to an archived chat', () => {
    const harness = group();
    harness.alterChat(GROUP, { archivedAt: harness.now });
    expect(harness.answer(add('alice', GROUP, ['nora'])).reason?.code).to.equal('archived');
  });

  for (const [actor, role, permitted] of [
    ['alice', 'owner', true],
    ['alice', 'reader', true],
    ['adam', 'owner', false],
    ['adam', 'admin', true],
    ['adam', 'member', true],
    ['mary', 'member', false],
    ['mary', 'reader', false],
    ['ruth', 'reader', false],
  ] as const)
    it(`${permitted ? 'is for' : 'is not for'} ${actor === 'alice' ? 'an owner' : actor === 'adam' ? 'an admin' : actor === 'mary' ? 'a member' : 'a reader'} where the role given is ${role}`, () => {
      const harness = group();
      const receipt = harness.answer(add(actor, GROUP, ['nora'], role));
      expect(receipt.reason?.code).to.equal(permitted ? undefined : 'not_permitted');
      expect(harness.member(GROUP, 'nora')?.role).to.equal(permitted ? role : undefined);
      if (!permitted) expect(receipt.reason?.detail).to.match(/owners-add, admins-add-up-to-admin$/);
    });
});
