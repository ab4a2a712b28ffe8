/**
 * The attributes of a command's decision: each has its value as of the transaction, and only attributes that a rule
 * names are gathered.
 */
import { expect } from 'chai';
import { policyTrusting } from '../../support/policies/default-policy.js';
import { DeciderHarness, type Draft } from '../application/commands/decider-harness.js';
import {
  add,
  create,
  createDirect,
  edit,
  erase,
  GROUP,
  NOWHERE,
  react,
  read,
  remove,
  send,
  upsert,
} from '../application/commands/drafts.js';

const byListedProducer = { properties: { userId: 'directory', appId: 'directory-sync' } };
const GUESTS = `
  - id: guests-send-no-links
    effect: deny
    actions: [message.send, message.edit]
    subject: { actor.claims.guest: true }
    when: { text.hasLinks: true }
    reason: Guests may not send links.`;

const codeOf = (harness: DeciderHarness, draft: Draft) => {
  const { status, reason } = harness.answer(draft);
  return reason?.code ?? status;
};

/** A group of alice, bob and carol, in which `service` is not. */
function stageWith(rules: string): DeciderHarness {
  const harness = new DeciderHarness(3, policyTrusting('directory', rules));
  harness.given(
    upsert('service', { displayName: 'Service', kind: 'service' }, byListedProducer),
    create('alice', GROUP, ['bob', 'carol']),
  );
  return harness;
}

describe('Claims about a user', () => {
  it('are set by a service for the named user, and decide later commands', () => {
    const harness = stageWith(GUESTS);
    const link = () => codeOf(harness, send('bob', GROUP, 'see https://example.com'));
    expect(link()).to.equal('accepted');
    harness.given(upsert('service', { userId: 'bob', claims: { guest: true, team: 'sales' } }));
    expect(link()).to.equal('not_permitted');
    expect(codeOf(harness, send('bob', GROUP, 'no link'))).to.equal('accepted');
    expect(codeOf(harness, send('carol', GROUP, 'www.example.com'))).to.equal('accepted');
    harness.given(upsert('service', { userId: 'bob', claims: {} }));
    expect(link()).to.equal('accepted');
  });

  it('decide already the next command of the same batch', () => {
    const harness = stageWith(GUESTS);
    const receipts = harness.answers(
      send('bob', GROUP, 'https://a.example'),
      upsert('service', { userId: 'bob', claims: { guest: true } }),
      send('bob', GROUP, 'https://b.example'),
    );
    expect(receipts.map(({ status }) => status)).to.deep.equal(['accepted', 'accepted', 'rejected']);
    expect(receipts[2]?.reason?.detail).to.equal('guests-send-no-links: Guests may not send links.');
  });

  it('cannot be set by users, neither for themselves nor for others', () => {
    const harness = stageWith(GUESTS);
    for (const draft of [
      upsert('bob', { displayName: 'Bob', claims: { guest: false } }),
      upsert('bob', { claims: {} }, byListedProducer),
      upsert('bob', { userId: 'carol', displayName: 'Carol' }),
      upsert('bob', { userId: 'carol', claims: { guest: true } }),
    ])
      expect(codeOf(harness, draft)).to.equal('not_permitted');
    expect([...harness.users.keys()]).to.deep.equal(['default service']);
  });

  it('do not change the profile, are kept when it changes, and are not published or shown', () => {
    const harness = stageWith(GUESTS);
    harness.given(upsert('bob', { displayName: 'Bob', avatarUrl: 'https://a.example/b.png', metadata: { a: 1 } }));
    harness.given(upsert('service', { userId: 'bob', claims: { guest: true } }));
    expect(harness.users.get('default bob')).to.deep.include({
      displayName: 'Bob',
      avatarUrl: 'https://a.example/b.png',
      metadata: { a: 1 },
      revision: 2,
    });
    harness.given(upsert('bob', { displayName: 'Robert' }));
    expect(harness.users.get('default bob')).to.deep.include({
      displayName: 'Robert',
      claims: { guest: true },
      avatarUrl: null,
    });
    expect(JSON.stringify(harness.log)).not.to.contain('guest');
  });

  it('create a profile with the id as name if there was none', () => {
    const harness = stageWith(GUESTS);
    harness.given(upsert('service', { userId: 'dave', claims: { guest: true } }));
    expect(harness.users.get('default dave')).to.include({ displayName: 'dave', kind: 'human', revision: 1 });
    expect(harness.log.at(-1)).to.deep.include({ actorId: 'service', chatId: null });
  });

  it('are recorded with a decision if a rule names them', () => {
    const harness = stageWith(GUESTS);
    harness.given(upsert('service', { userId: 'bob', claims: { guest: true, salary: 1_000 } }));
    harness.answer(send('bob', GROUP, 'https://a.example'));
    expect(harness.decisions.at(-1)?.attributes.actor.claims).to.deep.equal({ guest: true });
  });
});

describe('A claim of a token', () => {
  const RULE = `
  - id: suspended-write-nothing
    effect: deny
    actions: [message.send]
    subject: { actor.token.suspended: true }
    reason: Suspended users write nothing.`;

  it('decides if tokens are required; otherwise a rule that forbids by it forbids everything', () => {
    const harness = stageWith(RULE);
    const sending = (token?: Draft['token']) =>
      codeOf(harness, send('bob', GROUP, 'x', {}, token === undefined ? {} : { token }));
    expect(sending({ suspended: true })).to.equal('not_permitted');
    expect(sending({ suspended: false })).to.equal('accepted');
    expect(sending({})).to.equal('accepted');
    expect(sending()).to.equal('not_permitted');
  });
});

describe('A producer', () => {
  const RULE = `
  - id: bridge-speaks-for-bridged-alone
    effect: deny
    actions: [message.send, message.edit]
    subject: { producer.userId: bridge, actor.userId: { not: [carol] } }
    reason: The bridge speaks for those who are bridged.
  - id: bridge-only-speaks
    effect: deny
    actions: [chat.create, member.add, member.remove]
    subject: { producer.userId: bridge }
    reason: The bridge does nothing but speak.`;

  it('acts only for the users and with the commands that the policy permits', () => {
    const harness = stageWith(RULE);
    const from = (userId: string) => ({ properties: { userId } });
    expect(codeOf(harness, send('carol', GROUP, 'x', {}, from('bridge')))).to.equal('accepted');
    expect(codeOf(harness, send('bob', GROUP, 'x', {}, from('bridge')))).to.equal('not_permitted');
    expect(codeOf(harness, send('bob', GROUP, 'x', {}, from('gateway')))).to.equal('accepted');
    expect(codeOf(harness, remove('carol', GROUP, 'carol', from('bridge')))).to.equal('not_permitted');
  });
});

describe('A service that is not in a chat', () => {
  const RULE = `
  - id: services-write-anywhere
    effect: permit
    actions: [message.send, message.delete]
    subject: { actor.kind: service, role: none }
    reason: Services write and delete in every chat of their tenant.`;
  const NOT_FOUND = { code: 'not_found', title: 'Not found', detail: 'no such chat, or the actor is not in it' };

  it('acts as the policy permits, without becoming a member and without a read mark', () => {
    const harness = stageWith(RULE);
    const receipt = harness.answer(send('service', GROUP, 'your order has been sent'));
    expect(receipt).to.include({ status: 'accepted', sequence: 2 });
    expect(harness.chat(GROUP)).to.include({ memberCount: 3, lastOrdinal: 1 });
    expect(harness.member(GROUP, 'service')).to.equal(undefined);
    harness.given(erase('service', GROUP, receipt.messageId as string));
  });

  it('gets the refusal of an unknown chat for everything else', () => {
    const harness = stageWith(RULE);
    const [said] = harness.given(send('bob', GROUP, 'hello'));
    const messageId = said?.messageId as string;
    const there = [
      react('service', GROUP, messageId),
      read('service', GROUP, 1),
      add('service', GROUP, ['dave']),
      edit('service', GROUP, messageId, { body: 'x' }),
    ];
    const absent = [
      react('service', NOWHERE, messageId),
      read('service', NOWHERE, 1),
      add('service', NOWHERE, ['dave']),
      edit('service', NOWHERE, messageId, { body: 'x' }),
    ];
    for (const { reason, decisionId } of [...harness.answers(...there), ...harness.answers(...absent)])
      expect({ ...reason, decisionId }).to.deep.equal({
        ...reason,
        ...NOT_FOUND,
        title: reason?.title,
        decisionId: null,
      });
  });

  it('is refused in a chat of another tenant', () => {
    const harness = stageWith(RULE);
    harness.given(upsert('service', { displayName: 'S', kind: 'service' }, { ...byListedProducer, tenantId: 'acme' }));
    expect(codeOf(harness, send('service', GROUP, 'x', {}, { tenantId: 'acme' }))).to.equal('not_found');
  });

  it('gets the same refusal for an unknown message, an unknown chat and a direct chat', () => {
    const harness = stageWith(RULE);
    const { chatId } = harness.given(createDirect('alice', 'bob'))[0] as { chatId: string };
    const answers = harness.answers(
      erase('somebody', GROUP, NOWHERE),
      add('service', chatId, ['dave']),
      remove('service', chatId, 'bob'),
    );
    for (const { reason } of answers) expect(reason?.detail).to.equal(NOT_FOUND.detail);
  });

  it('is refused in an archived chat like any user', () => {
    const harness = stageWith(RULE);
    harness.alterChat(GROUP, { archivedAt: harness.now });
    expect(codeOf(harness, send('service', GROUP, 'x'))).to.equal('archived');
  });

  it('is permitted nothing by the default policy', () => {
    const harness = new DeciderHarness(3, policyTrusting('directory'));
    harness.given(
      upsert('service', { displayName: 'S', kind: 'service' }, byListedProducer),
      create('alice', GROUP, ['bob']),
    );
    expect(codeOf(harness, send('service', GROUP, 'x'))).to.equal('not_found');
    expect(harness.decisions).to.deep.equal([]);
  });
});

describe('The age of a message', () => {
  it('can be compared to the millisecond', () => {
    const harness = stageWith(`
  - id: reactions-while-fresh
    effect: deny
    actions: [message.react]
    when: { message.ageMs: { atLeast: 15m } }
    reason: Too long ago to react.`);
    const [said] = harness.given(send('bob', GROUP, 'hello'));
    const reacting = (afterMs: number) => {
      const sentAt = harness.messages.get(said?.messageId as string)?.createdAt.getTime() ?? 0;
      harness.now = new Date(sentAt + afterMs);
      return codeOf(harness, react('carol', GROUP, said?.messageId as string, `:${afterMs}:`));
    };
    expect([reacting(899_999), reacting(900_000)]).to.deep.equal(['accepted', 'not_permitted']);
  });
});
