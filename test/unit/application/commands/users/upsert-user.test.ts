import { expect } from 'chai';
import { policyTrusting } from '../../../../support/policies/default-policy.js';
import { DeciderHarness } from '../decider-harness.js';
import { upsert } from '../drafts.js';

const profileOf = (harness: DeciderHarness, key = 'default alice') => harness.users.get(key);
const byListedProducer = { properties: { userId: 'directory-sync', appId: 'sync' } };
const trusting = () => new DeciderHarness(1, policyTrusting('directory-sync'));

describe('Writing a profile', () => {
  it('creates the first revision, with an event without a sequence', () => {
    const harness = new DeciderHarness();
    const [receipt] = harness.given(upsert('alice', { displayName: 'Alice', avatarUrl: 'https://a.example/a.png' }));
    expect(receipt).to.include({ chatId: null, sequence: null, messageId: null });
    const user = {
      tenantId: 'default',
      userId: 'alice',
      displayName: 'Alice',
      avatarUrl: 'https://a.example/a.png',
      kind: 'human',
      metadata: {},
      presence: 'shared',
      revision: 1,
      createdAt: harness.now,
      updatedAt: harness.now,
    };
    expect(profileOf(harness)).to.deep.equal({ ...user, claims: {} });
    expect(harness.log).to.have.length(1);
    expect(harness.log[0]).to.deep.include({ chatId: null, sequence: null, event: { type: 'user.upserted', user } });
  });

  it('replaces the whole profile as the next revision, and clears omitted fields', () => {
    const harness = new DeciderHarness();
    harness.given(upsert('alice', { displayName: 'Alice', avatarUrl: 'https://a.example/a.png', metadata: { a: 1 } }));
    const createdAt = harness.now;
    harness.now = new Date(createdAt.getTime() + 5000);
    harness.given(upsert('alice', { displayName: 'Alice B.' }));
    expect(profileOf(harness)).to.deep.include({
      displayName: 'Alice B.',
      avatarUrl: null,
      metadata: {},
      revision: 2,
      createdAt,
      updatedAt: harness.now,
    });
  });

  it('with equal fields changes nothing and has no event', () => {
    const harness = new DeciderHarness();
    harness.given(upsert('alice', { displayName: 'Alice', metadata: { a: 1, b: { c: [1, 2] } } }));
    harness.now = new Date(harness.now.getTime() + 5000);
    const [receipt] = harness.given(upsert('alice', { displayName: 'Alice', metadata: { b: { c: [1, 2] }, a: 1 } }));
    expect(receipt).to.include({ status: 'accepted', sequence: null, replayed: false });
    expect(profileOf(harness)?.revision).to.equal(1);
    expect(harness.log).to.have.length(1);
  });

  it('ignores minus zero, which no store keeps', () => {
    const harness = new DeciderHarness();
    const body = Buffer.from('{"actorId":"alice","data":{"displayName":"Alice","metadata":{"a":[-0]}}}');
    const minusZero = () => upsert('alice', {}, { properties: { body } });
    const zero = () => upsert('alice', { displayName: 'Alice', metadata: { a: [0] } });
    harness.given(minusZero());
    harness.given(minusZero(), zero(), minusZero());
    expect(profileOf(harness)?.revision).to.equal(1);
  });

  it('twice in one batch makes two revisions with two events, and one row', () => {
    const harness = new DeciderHarness();
    harness.given(
      upsert('alice', { displayName: 'A' }),
      upsert('alice', { displayName: 'B' }),
      upsert('alice', { displayName: 'B' }),
    );
    expect(harness.written?.users).to.have.length(1);
    expect(profileOf(harness)).to.include({ displayName: 'B', revision: 2 });
    expect(harness.log.map(({ event }) => event.type === 'user.upserted' && event.user.displayName)).to.deep.equal([
      'A',
      'B',
    ]);
  });

  it("changes only the actor's profile in their tenant", () => {
    const harness = new DeciderHarness();
    harness.given(upsert('alice', { displayName: 'A' }), upsert('alice', { displayName: 'Z' }, { tenantId: 'acme' }));
    expect(profileOf(harness)?.displayName).to.equal('A');
    expect(profileOf(harness, 'acme alice')).to.include({ displayName: 'Z', revision: 1 });
  });
});

describe('Setting the presence of a user', () => {
  it('stores it with the profile, as a revision with an event', () => {
    const harness = new DeciderHarness();
    harness.given(upsert('alice', { displayName: 'A', presence: 'hidden' }));
    expect(profileOf(harness)).to.include({ presence: 'hidden', revision: 1 });
    expect(harness.log.at(-1)?.event).to.have.nested.property('user.presence', 'hidden');
  });

  it('alone leaves the rest of the profile as it is', () => {
    const harness = new DeciderHarness();
    const profile = { displayName: 'Alice', avatarUrl: 'https://a.example/a.png', metadata: { a: 1 } };
    harness.given(upsert('alice', profile), upsert('alice', { presence: 'hidden' }));
    expect(profileOf(harness)).to.deep.include({ ...profile, presence: 'hidden', revision: 2 });
    harness.given(upsert('alice', { presence: 'hidden' }));
    expect(profileOf(harness)?.revision).to.equal(2);
  });

  it('alone makes a profile that has the id as name', () => {
    const harness = new DeciderHarness();
    harness.given(upsert('alice', { presence: 'hidden' }));
    expect(profileOf(harness)).to.include({ displayName: 'alice', presence: 'hidden' });
  });

  it('is kept when the profile is written without it', () => {
    const harness = new DeciderHarness();
    harness.given(upsert('alice', { displayName: 'A', presence: 'hidden' }), upsert('alice', { displayName: 'B' }));
    expect(profileOf(harness)).to.include({ displayName: 'B', presence: 'hidden', revision: 2 });
  });

  it('to an unknown word is invalid', () => {
    const receipt = new DeciderHarness().answer(upsert('alice', { displayName: 'A', presence: 'away' }));
    expect(receipt.reason).to.deep.include({
      code: 'invalid',
      violations: [{ path: 'data.presence', message: 'must be shared or hidden' }],
    });
  });

  it('of another user is not permitted to an ordinary user', () => {
    const receipt = new DeciderHarness().answer(upsert('alice', { userId: 'bob', presence: 'shared' }));
    expect(receipt.reason?.code).to.equal('not_permitted');
  });
});

describe('Setting the kind of a user', () => {
  it('is permitted to producers that the policy lists', () => {
    const harness = trusting();
    harness.given(upsert('alice', { displayName: 'A', kind: 'bot' }, byListedProducer));
    expect(profileOf(harness)?.kind).to.equal('bot');
  });

  for (const [what, properties] of Object.entries({
    'without a user id': {},
    'that is not listed': { userId: 'bridge', appId: 'directory-sync' },
    'that only calls itself something': { appId: 'directory-sync' },
    "that is REST's own door": { userId: 'directory-sync', appId: 'parley-rest' },
  }))
    it(`is not permitted to a producer ${what}, even for the present kind`, () => {
      const harness = trusting();
      const receipt = harness.answer(upsert('alice', { displayName: 'A', kind: 'human' }, { properties }));
      expect(receipt.reason?.code).to.equal('not_permitted');
      expect(receipt.reason?.detail).to.contain('listed-producers-set-kinds');
      expect(profileOf(harness)).to.equal(undefined);
    });

  it('is permitted to no producer by the default policy', () => {
    const harness = new DeciderHarness();
    for (const kind of ['bot', 'service'])
      expect(harness.answer(upsert('alice', { displayName: 'A', kind }, byListedProducer)).reason?.detail).to.contain(
        'listed-producers-set-kinds',
      );
    expect(profileOf(harness)).to.equal(undefined);
  });

  it('is kept when the profile is written without a kind', () => {
    const harness = trusting();
    harness.given(upsert('alice', { displayName: 'A', kind: 'service' }, byListedProducer));
    harness.given(upsert('alice', { displayName: 'B' }));
    expect(profileOf(harness)).to.include({ kind: 'service', revision: 2 });
  });
});
