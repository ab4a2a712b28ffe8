import { expect } from 'chai';
import { directChatId } from '../../../src/contract/messages/direct-id.js';
import { add, create, createDirect, GROUP, remove, send } from './drafts.js';
import { Stage } from './stage.js';

/** A group of alice (owner), adam (admin), mary (member) and ruth (reader). */
function group(): Stage {
  const stage = new Stage();
  stage.given(
    create('alice', GROUP, ['mary']),
    add('alice', GROUP, ['adam'], 'admin'),
    add('alice', GROUP, ['ruth'], 'reader'),
  );
  return stage;
}

describe('Adding members', () => {
  it('adds the newcomers only, as one event', () => {
    const stage = group();
    const [receipt] = stage.given(add('alice', GROUP, ['mary', 'nora', 'alice', 'olga', 'nora']));
    expect(receipt?.sequence).to.equal(4);
    expect(stage.log.at(-1)?.event).to.deep.equal({
      type: 'member.added',
      members: [
        { userId: 'nora', role: 'member' },
        { userId: 'olga', role: 'member' },
      ],
    });
    expect(stage.chat(GROUP)).to.include({ memberCount: 6, ownerCount: 1, lastSequence: 4 });
  });

  it('of whom nobody is new changes nothing and keeps everyone in their role', () => {
    const stage = group();
    const before = structuredClone(stage.chat(GROUP));
    const [receipt] = stage.given(add('alice', GROUP, ['adam', 'mary', 'alice'], 'reader'));
    expect(receipt?.sequence).to.equal(null);
    expect(stage.member(GROUP, 'adam')?.role).to.equal('admin');
    expect(stage.chat(GROUP)).to.deep.equal(before);
    expect(stage.log).to.have.length(3);
  });

  it('counts what was said before as read', () => {
    const stage = group();
    stage.given(send('mary', GROUP), send('adam', GROUP), add('alice', GROUP, ['nora']), send('alice', GROUP));
    expect(stage.member(GROUP, 'nora')).to.include({ joinedSequence: 6, readSequence: 6, readOrdinal: 2 });
    expect(stage.chat(GROUP).lastOrdinal - (stage.member(GROUP, 'nora')?.readOrdinal ?? 0)).to.equal(1);
  });

  it('gives the role that is asked for, and counts the owners', () => {
    const stage = group();
    stage.given(add('alice', GROUP, ['nora', 'olga'], 'owner'), add('nora', GROUP, ['pia'], 'admin'));
    expect(stage.chat(GROUP)).to.include({ memberCount: 7, ownerCount: 3 });
    expect(stage.member(GROUP, 'olga')?.role).to.equal('owner');
    expect(stage.member(GROUP, 'pia')?.role).to.equal('admin');
  });

  it('brings back somebody removed earlier in the same batch, as a new member', () => {
    const stage = group();
    stage.given(send('mary', GROUP), remove('alice', GROUP, 'adam'), add('alice', GROUP, ['adam']));
    expect(stage.member(GROUP, 'adam')).to.include({ role: 'member', joinedSequence: 6, readOrdinal: 1 });
    expect(stage.chat(GROUP).memberCount).to.equal(4);
  });

  it('leaves no trace of somebody who comes and goes within one batch but the two events', () => {
    const stage = group();
    stage.given(add('alice', GROUP, ['nora']), remove('nora', GROUP, 'nora'));
    expect(stage.member(GROUP, 'nora')).to.equal(undefined);
    expect(stage.chat(GROUP)).to.include({ memberCount: 4, lastSequence: 5 });
  });

  it('does not apply to a direct chat', () => {
    const stage = new Stage();
    stage.given(createDirect('alice', 'bob'));
    const receipt = stage.answer(add('alice', directChatId('default', 'alice', 'bob'), ['carol']));
    expect(receipt.reason).to.deep.include({
      code: 'invalid',
      violations: [{ path: 'type', message: 'member.add does not apply to a direct chat' }],
    });
  });

  it('does not apply to an archived chat', () => {
    const stage = group();
    stage.alterChat(GROUP, { archivedAt: stage.now });
    expect(stage.answer(add('alice', GROUP, ['nora'])).reason?.code).to.equal('archived');
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
      const stage = group();
      const receipt = stage.answer(add(actor, GROUP, ['nora'], role));
      expect(receipt.reason?.code).to.equal(permitted ? undefined : 'not_permitted');
      expect(stage.member(GROUP, 'nora')?.role).to.equal(permitted ? role : undefined);
      if (!permitted) expect(receipt.reason?.detail).to.match(/owners-add, admins-add-up-to-admin$/);
    });
});
