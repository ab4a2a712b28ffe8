import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { CaslDecisionPoint } from '../../../src/adapters/policy/casl-decision-point.js';
import { ACTIONS } from '../../../src/application/policy/attributes/attribute-catalogue.js';
import { attributesByName } from '../../../src/application/policy/attributes/named-attributes.js';
import { isClean, tryCases } from '../../../src/application/policy/policy-case.js';
import {
  type PolicyDocument,
  type PolicyRule,
  withProducers,
} from '../../../src/application/policy/policy-document.js';
import type { Action, PolicyAttributes } from '../../../src/application/ports/policy-decision-point.js';
import { role } from '../../../src/contract/messages/commands.js';
import { casesOf } from '../../../src/main/cli/policy/policy-test-command.js';
import { readPolicyFile } from '../../../src/main/policy/policy-file.js';
import { defaultPolicy } from '../../support/policies/default-policy.js';

const { producers, cases } = casesOf(
  fileURLToPath(new URL('../../../../test/unit/policy/default.cases.yaml', import.meta.url)),
);
const own = readPolicyFile().document;
const document = withProducers(own, producers);
const policy = defaultPolicy();

const report = (changed: PolicyDocument) => tryCases(changed, new CaslDecisionPoint(changed), cases);

/** The document with one rule given way to others, or to none. */
function withRule(index: number, rules: PolicyRule[]): PolicyDocument {
  return { ...document, rules: document.rules.toSpliced(index, 1, ...rules) };
}

describe('The default policy', () => {
  it('decides every case of its table as expected, and the table covers both sides of every rule', () => {
    expect(cases).to.have.length.above(400);
    expect(report(document)).to.deep.equal({ passed: cases.length, failed: [], unreached: [], oneSided: [] });
  });

  it('lists no producer, so a connection alone grants nothing that a rule grants to listed producers', () => {
    const ofProducers = own.rules.flatMap(({ effect, conditions }) => {
      const condition = effect === 'permit' ? conditions['producer.userId'] : undefined;
      return condition === undefined ? [] : [condition];
    });
    expect(ofProducers).to.deep.equal([{ is: [], among: 'directories' }]);
    const setsKind = cases.filter(({ by }) => by === 'listed-producers-set-kinds');
    expect(setsKind).not.to.have.length(0);
    for (const { attributes } of setsKind) expect(policy.decide(attributes)).to.include({ effect: 'deny', rule: null });
  });

  it('has no rule, action or condition whose removal no case detects', () => {
    const unnoticed: string[] = [];
    for (const [index, rule] of document.rules.entries()) {
      const change = (what: string, ...rules: PolicyRule[]) => {
        if (isClean(report(withRule(index, rules)))) unnoticed.push(`${rule.id}: ${what}`);
      };
      change('gone');
      for (const [attribute, condition] of Object.entries(rule.conditions)) {
        // Users who are not in a chat are permitted only by rules that name them.
        if (attribute === 'role' && 'is' in condition && role.options.every((any) => condition.is.includes(any)))
          continue;
        const { [attribute]: _, ...conditions } = rule.conditions;
        change(`without ${attribute}`, { ...rule, conditions });
      }
      for (const action of rule.actions.length > 1 ? rule.actions : [])
        change(`without ${action}`, { ...rule, actions: rule.actions.filter((other) => other !== action) });
    }
    expect(unnoticed).to.deep.equal([]);
  });

  it('denies every action without attributes', () => {
    for (const action of ACTIONS) expect(policy.decide({ action } as PolicyAttributes).effect, action).to.equal('deny');
  });

  it('denies an action without a rule', () => {
    for (const action of ['chat.delete', 'manage', 'all', 'constructor', '__proto__', '']) {
      const attributes = attributesByName(action as Action, {
        'chat.kind': 'group',
        role: 'owner',
        'actor.kind': 'service',
      });
      expect(policy.decide(attributes), action).to.deep.equal({
        effect: 'deny',
        rule: null,
        detail: 'no rule permits this',
      });
    }
  });

  it('names the rules that could permit a denied action', () => {
    expect(policy.decide(attributesByName('message.send', { 'chat.kind': 'channel', role: 'member' }))).to.deep.equal({
      effect: 'deny',
      rule: null,
      detail: 'none of these rules permits it: members-post, owners-and-admins-post-in-channels',
    });
  });

  it('decides only by the attributes, without changing them, and always the same', () => {
    const attributes = Object.freeze(attributesByName('message.send', { 'chat.kind': 'group', role: 'member' }));
    const before = JSON.stringify(attributes);
    for (const point of [policy, policy, defaultPolicy()])
      expect(point.decide(attributes)).to.deep.equal({ effect: 'permit', rule: 'members-post' });
    expect(JSON.stringify(attributes)).to.equal(before);
  });
});
