import { expect } from 'chai';
import { policyTrusting } from '../../support/default-policy.js';
import { upsert } from './drafts.js';
import { Stage } from './stage.js';

const profileOf = (stage: Stage, key = 'default alice') => stage.users.get(key);
const byListedProducer = { properties: { userId: 'directory-sync', appId: 'sync' } };
const trusting = () => new Stage(1, policyTrusting('directory-sync'));

describe('Setting a profile', () => {
  it('makes the first revision, as an event without a sequence', () => {
    const stage = new Stage();
    const [receipt] = stage.given(upsert('alice', { displayName: 'Alice', avatarUrl: 'https://a.example/a.png' }));
    expect(receipt).to.include({ chatId: null, sequence: null, messageId: null });
    const user = {
      tenantId: 'default',
      userId: 'alice',
      displayName: 'Alice',
      avatarUrl: 'https://a.example/a.png',
      kind: 'human',
      metadata: {},
      revision: 1,
      createdAt: stage.now,
      updatedAt: stage.now,
    };
    expect(profileOf(stage)).to.deep.equal({ ...user, claims: {} });
    expect(stage.log).to.have.length(1);
    expect(stage.log[0]).to.deep.include({ chatId: null, sequence: null, event: { type: 'user.upserted', user } });
  });

  it('replaces the whole profile as the next revision: what is left out is cleared', () => {
    const stage = new Stage();
    stage.given(upsert('alice', { displayName: 'Alice', avatarUrl: 'https://a.example/a.png', metadata: { a: 1 } }));
    const createdAt = stage.now;
    stage.now = new Date(createdAt.getTime() + 5000);
    stage.given(upsert('alice', { displayName: 'Alice B.' }));
    expect(profileOf(stage)).to.deep.include({
      displayName: 'Alice B.',
      avatarUrl: null,
      metadata: {},
      revision: 2,
      createdAt,
      updatedAt: stage.now,
    });
  });

  it('as it is already changes nothing and is no event', () => {
    const stage = new Stage();
    stage.given(upsert('alice', { displayName: 'Alice', metadata: { a: 1, b: { c: [1, 2] } } }));
    stage.now = new Date(stage.now.getTime() + 5000);
    const [receipt] = stage.given(upsert('alice', { displayName: 'Alice', metadata: { b: { c: [1, 2] }, a: 1 } }));
    expect(receipt).to.include({ status: 'accepted', sequence: null, replayed: false });
    expect(profileOf(stage)?.revision).to.equal(1);
    expect(stage.log).to.have.length(1);
  });

  it('as it is already changes nothing where a number is minus zero, which no store keeps', () => {
    const stage = new Stage();
    const body = Buffer.from('{"actorId":"alice","data":{"displayName":"Alice","metadata":{"a":[-0]}}}');
    const minusZero = () => upsert('alice', {}, { properties: { body } });
    const zero = () => upsert('alice', { displayName: 'Alice', metadata: { a: [0] } });
    stage.given(minusZero());
    stage.given(minusZero(), zero(), minusZero());
    expect(profileOf(stage)?.revision).to.equal(1);
  });

  it('twice in one batch makes two revisions, told one after the other, and one row', () => {
    const stage = new Stage();
    stage.given(
      upsert('alice', { displayName: 'A' }),
      upsert('alice', { displayName: 'B' }),
      upsert('alice', { displayName: 'B' }),
    );
    expect(stage.written?.users).to.have.length(1);
    expect(profileOf(stage)).to.include({ displayName: 'B', revision: 2 });
    expect(stage.log.map(({ event }) => event.type === 'user.upserted' && event.user.displayName)).to.deep.equal([
      'A',
      'B',
    ]);
  });

  it('is about the actor in their own tenant only', () => {
    const stage = new Stage();
    stage.given(upsert('alice', { displayName: 'A' }), upsert('alice', { displayName: 'Z' }, { tenantId: 'acme' }));
    expect(profileOf(stage)?.displayName).to.equal('A');
    expect(profileOf(stage, 'acme alice')).to.include({ displayName: 'Z', revision: 1 });
  });
});

describe('Saying what kind of user somebody is', () => {
  it('is for producers that the policy lists', () => {
    const stage = trusting();
    stage.given(upsert('alice', { displayName: 'A', kind: 'bot' }, byListedProducer));
    expect(profileOf(stage)?.kind).to.equal('bot');
  });

  for (const [what, properties] of Object.entries({
    'without a user id': {},
    'that is not listed': { userId: 'bridge', appId: 'directory-sync' },
    'that only calls itself something': { appId: 'directory-sync' },
    "that is REST's own door": { userId: 'directory-sync', appId: 'parley-rest' },
  }))
    it(`is not for a producer ${what}, be it the kind that is so already`, () => {
      const stage = trusting();
      const receipt = stage.answer(upsert('alice', { displayName: 'A', kind: 'human' }, { properties }));
      expect(receipt.reason?.code).to.equal('not_permitted');
      expect(receipt.reason?.detail).to.contain('listed-producers-set-kinds');
      expect(profileOf(stage)).to.equal(undefined);
    });

  it('is for no producer by the policy that comes with Parley', () => {
    const stage = new Stage();
    for (const kind of ['bot', 'service'])
      expect(stage.answer(upsert('alice', { displayName: 'A', kind }, byListedProducer)).reason?.detail).to.contain(
        'listed-producers-set-kinds',
      );
    expect(profileOf(stage)).to.equal(undefined);
  });

  it('lasts when the profile is set without it', () => {
    const stage = trusting();
    stage.given(upsert('alice', { displayName: 'A', kind: 'service' }, byListedProducer));
    stage.given(upsert('alice', { displayName: 'B' }));
    expect(profileOf(stage)).to.include({ kind: 'service', revision: 2 });
  });
});
