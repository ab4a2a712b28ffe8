import { expect } from 'chai';
import { CaslDecisionPoint } from '../../../src/adapters/policy/casl-decision-point.js';
import { readPolicy } from '../../../src/adapters/policy/read-policy.js';
import type { NamedAttributes } from '../../../src/application/policy/attributes/named-attributes.js';
import { attributesByName } from '../../../src/application/policy/attributes/named-attributes.js';

const HEAD = 'parley-policy: 1\nversion: test-1\n';

function faultsOf(text: string): string[] {
  const read = readPolicy(text);
  return read.ok ? [] : read.faults.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** A policy with one rule about sending, and the attributes that it names. */
function rule(lines: string, effect = 'permit') {
  const text = `${HEAD}rules:\n  - id: the-rule\n    effect: ${effect}\n    actions: [message.send]\n    reason: why\n${lines}`;
  const others = effect === 'deny' ? '  - { id: all, effect: permit, actions: [message.send], reason: why }\n' : '';
  const read = readPolicy(`${text}\n${others}`);
  if (!read.ok) throw new Error(read.faults.map(({ message }) => message).join());
  const policy = new CaslDecisionPoint(read.document);
  return (given: NamedAttributes) =>
    policy.decide(attributesByName('message.send', { role: 'member', 'chat.kind': 'group', ...given })).effect;
}

describe('A policy document with a fault', () => {
  for (const [what, text, faults] of [
    [
      'is no YAML',
      'rules: [',
      ['1:9 Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ],
    ['says a thing twice', `${HEAD}version: test-2\nrules: []`, ['3:1 Map keys must be unique']],
    ['is empty', '', ['1:1 must be a JSON object, not null']],
    ['is of a format to come', 'parley-policy: 2\nversion: a\nrules: []', ['1:1 parley-policy: must be 1']],
    ['has a word that means nothing', `${HEAD}rules: []\nrulez: []`, ['4:1 unknown field "rulez"']],
    [
      'has an unknown action',
      `${HEAD}rules:\n  - { id: a, effect: permit, actions: [message.fly], reason: r }`,
      [/^4:40 rules\.0\.actions\.0: must be user\.upsert, .* or /],
    ],
    [
      'names an attribute that there is not',
      `${HEAD}rules:\n  - id: a\n    effect: permit\n    actions: [message.send]\n    reason: r\n    when:\n      chat.kindness: high`,
      ['9:7 chat.kindness: there is no such attribute; docs/policy.md lists them'],
    ],
    [
      'names an attribute that is not known of the action',
      `${HEAD}rules:\n  - { id: a, effect: permit, actions: [message.send, chat.read], reason: r, when: { text.hasLinks: true } }`,
      ['4:85 text.hasLinks: is not available for chat.read'],
    ],
    [
      'names producers that it does not list',
      `${HEAD}rules:\n  - { id: a, effect: permit, actions: [message.send], reason: r, subject: { producer.userId: { among: bots } } }`,
      ['4:77 producer.userId: there is no bots under producers'],
    ],
    [
      'holds against a list of producers what nobody checks',
      `${HEAD}producers: { bots: [b] }\nrules:\n  - { id: a, effect: permit, actions: [message.send], reason: r, subject: { producer.appId: { among: bots } } }`,
      ['5:77 producer.appId: only producer.userId can be among listed producers'],
    ],
    ['lists a producer twice', `${HEAD}producers: { bots: [b, b] }\nrules: []`, ['3:14 bots: b is listed twice']],
    ['lists a producer without a name', `${HEAD}producers: { bots: [''] }\nrules: []`, [/^3:21 producers\.bots\.0: /]],
    [
      'puts an attribute in the wrong part',
      `${HEAD}rules:\n  - { id: a, effect: permit, actions: [message.send], reason: r, when: { role: owner } }`,
      ['4:74 role: belongs under subject'],
    ],
    [
      'compares an attribute with what it can never be',
      `${HEAD}rules:\n  - { id: a, effect: permit, actions: [message.send], reason: r, when: { chat.kind: room, chat.archived: "yes" } }`,
      [
        '4:74 chat.kind: "room" must be one of direct, group, channel',
        '4:91 chat.archived: "yes" must be true or false',
      ],
    ],
    [
      'has two rules of one name',
      `${HEAD}rules:\n  - { id: a, effect: permit, actions: [message.send], reason: r }\n  - { id: a, effect: deny, actions: [chat.read], reason: r }`,
      ['5:7 the id a is used twice'],
    ],
    [
      'has a condition that never holds',
      `${HEAD}rules:\n  - { id: a, effect: permit, actions: [message.send], reason: r, subject: { role: [] } }`,
      ['4:77 role: the list is empty: that never holds'],
    ],
    [
      'has a quota without an end',
      `${HEAD}rules: []\nquotas:\n  - { id: q, per: actor, limit: 5, window: 3 weeks }`,
      [/^5:36 quotas\.0\.window: must be a duration/],
    ],
  ] as [string, string, (string | RegExp)[]][])
    it(`that ${what} is refused with line and column`, () => {
      const told = faultsOf(text);
      expect(told).to.have.length(faults.length);
      for (const [index, fault] of faults.entries())
        if (typeof fault === 'string') expect(told[index]).to.equal(fault);
        else expect(told[index]).to.match(fault);
    });

  it('that would expand without end is refused', () => {
    const levels = Array.from(
      { length: 12 },
      (_, n) => `l${n}: &l${n} [${Array(9).fill(n === 0 ? 'x' : `*l${n - 1}`)}]`,
    );
    expect(faultsOf(`${HEAD}rules: []\n${levels.join('\n')}`)[0]).to.equal('5:10 anchors and aliases are not allowed');
  });
});

describe('A policy document', () => {
  for (const [what, text, fault] of [
    ['a merge', `${HEAD}rules: []\nroles: { a: &a [owner], b: *a }`, /^4:28 anchors and aliases/],
    ['a directive', `%YAML 1.1\n---\n${HEAD}rules: []`, /^1:1 directives/],
    [
      'a key that is none',
      `${HEAD}rules: []\nroles: { __proto__: [owner] }`,
      /^4:10 the key "__proto__" is not allowed/,
    ],
    ['a role under another name', `${HEAD}rules: []\nroles: { owner: [reader] }`, /^4:10 owner is a role itself/],
    ['a set of no roles', `${HEAD}rules: []\nroles: { team: [bogus] }`, /^4:10 must be roles/],
    [
      'bounds that exclude each other',
      `${HEAD}rules:\n  - { id: a, effect: deny, actions: [message.send], reason: r, when: { text.length: { atLeast: 5, atMost: 3 } } }`,
      /text\.length: atLeast is above atMost/,
    ],
    [
      'a bound that is no number',
      `${HEAD}rules:\n  - { id: a, effect: deny, actions: [message.send], reason: r, when: { text.length: { atLeast: .nan } } }`,
      /text\.length: cannot be compared with atLeast or atMost/,
    ],
  ] as [string, string, RegExp][])
    it(`is refused for ${what}, whose meaning would be misleading`, () => {
      expect(faultsOf(text)[0]).to.match(fault);
    });

  it('is refused for its size before it is parsed', () => {
    expect(faultsOf(`${HEAD}rules: []\n#${'x'.repeat(2 * 1024 * 1024)}`)).to.deep.equal([
      '1:1 is longer than 1048576 bytes',
    ]);
  });

  it('is named by its version and a digest of its text, so that different texts have different names', () => {
    const [one, other] = ['rules: []\n', 'rules:   []\n'].map((text) => readPolicy(HEAD + text));
    if (!one?.ok || !other?.ok) throw new Error('not read');
    expect(one.document.version).to.match(/^test-1@[0-9a-f]{12}$/);
    expect(one.document.version).not.to.equal(other.document.version);
  });
});

describe('A rule', () => {
  it('holds for each of a list of values, and for the roles of a set', () => {
    const says = rule('    subject: { role: [owner, admin] }');
    expect(['owner', 'admin', 'member'].map((role) => says({ role }))).to.deep.equal(['permit', 'permit', 'deny']);
  });

  it('with `not` holds for an absent attribute, and not for an unknown one', () => {
    const says = rule('    subject: { producer.appId: { not: [rest, cron] } }');
    expect(says({ 'producer.appId': 'mine' })).to.equal('permit');
    expect(says({ 'producer.appId': null })).to.equal('permit');
    expect(says({ 'producer.appId': 'cron' })).to.equal('deny');
    expect(says({})).to.equal('deny');
  });

  it('with `present` distinguishes an absent attribute from an unknown one', () => {
    const there = rule('    subject: { producer.userId: { present: true } }');
    const absent = rule('    subject: { producer.userId: { present: false } }');
    expect([there({ 'producer.userId': 'x' }), there({ 'producer.userId': null }), there({})]).to.deep.equal([
      'permit',
      'deny',
      'deny',
    ]);
    expect([absent({ 'producer.userId': 'x' }), absent({ 'producer.userId': null }), absent({})]).to.deep.equal([
      'deny',
      'permit',
      'deny',
    ]);
  });

  it('about a listed producer holds only for producers of the list, and never if the list is empty', () => {
    const among = (list: string, operator = 'among') => {
      const says = rule(`    subject: { producer.userId: { ${operator}: known } }\nproducers: { known: ${list} }`);
      return [says({ 'producer.userId': 'sync' }), says({ 'producer.userId': null }), says({})];
    };
    expect(among('[sync, other]')).to.deep.equal(['permit', 'deny', 'deny']);
    expect(among('[known]')).to.deep.equal(['deny', 'deny', 'deny']);
    expect(among('[]')).to.deep.equal(['deny', 'deny', 'deny']);
    expect(among('[sync]', 'notAmong')).to.deep.equal(['deny', 'permit', 'deny']);
    expect(among('[]', 'notAmong')).to.deep.equal(['permit', 'permit', 'deny']);
  });

  it('with bounds holds within them, and never for a value that is not a number', () => {
    const says = rule('    subject: { actor.claims.level: { atLeast: 2, atMost: 4 } }');
    const level = (value: unknown) => says({ 'actor.claims.level': value });
    expect([1, 2, 4, 5].map(level)).to.deep.equal(['deny', 'permit', 'permit', 'deny']);
    expect(['3', true, null, [3], undefined].map(level)).to.deep.equal(Array(5).fill('deny'));
  });

  it('holds for a list claim if one of its entries matches', () => {
    const says = rule('    subject: { actor.claims.teams: support }');
    expect(says({ 'actor.claims.teams': ['sales', 'support'] })).to.equal('permit');
    expect(says({ 'actor.claims.teams': ['sales'] })).to.equal('deny');
    expect(says({})).to.equal('deny');
  });

  it('that forbids overrides every permit, in any order', () => {
    const says = rule('    when: { text.hasLinks: true }', 'deny');
    expect(says({ 'text.hasLinks': true })).to.equal('deny');
    expect(says({ 'text.hasLinks': false })).to.equal('permit');
  });

  it('that forbids holds for an unknown attribute', () => {
    expect(rule('    when: { text.hasLinks: true }', 'deny')({})).to.equal('deny');
    const byToken = rule('    subject: { actor.token.suspended: true }', 'deny');
    expect(byToken({})).to.equal('deny'); // no token was asked for
    expect(byToken({ 'actor.token.other': 1 })).to.equal('permit');
    const byClaim = rule('    subject: { actor.claims.suspended: true }', 'deny');
    expect(byClaim({})).to.equal('permit'); // it is known that nobody has said so
  });

  it('permits non-members only if it names them', () => {
    for (const subject of ['{}', '{ actor.kind: human }', '{ role: { not: reader } }'])
      expect(rule(`    subject: ${subject}`)({ role: null }), subject).to.equal('deny');
    expect(rule('    subject: { role: none }')({ role: null })).to.equal('permit');
    expect(rule('    subject: { role: [none, member] }')({ role: null })).to.equal('permit');
  });

  it('treats a claim of another type as unknown: it permits nothing, and does not avoid a denial', () => {
    const forbids = rule('    subject: { actor.claims.strikes: { atLeast: 3 } }', 'deny');
    expect([5, '5', true, 2].map((strikes) => forbids({ 'actor.claims.strikes': strikes }))).to.deep.equal([
      'deny',
      'deny',
      'deny',
      'permit',
    ]);
    const guests = rule('    subject: { actor.claims.guest: true }', 'deny');
    expect([true, 'true', 1, false].map((guest) => guests({ 'actor.claims.guest': guest }))).to.deep.equal([
      'deny',
      'deny',
      'deny',
      'permit',
    ]);
    const groups = rule('    subject: { actor.token.groups: suspended }', 'deny');
    expect(
      [['suspended'], { unreadable: true }, ['others']].map((group) => groups({ 'actor.token.groups': group })),
    ).to.deep.equal(['deny', 'deny', 'permit']);
    const permits = rule('    subject: { actor.claims.level: { not: low } }');
    expect(['high', 'low', 7].map((level) => permits({ 'actor.claims.level': level }))).to.deep.equal([
      'permit',
      'deny',
      'deny',
    ]);
  });

  it('reads only own properties', () => {
    const says = rule('    subject: { actor.claims.constructor: { present: true } }');
    expect(says({})).to.equal('deny');
  });
});
