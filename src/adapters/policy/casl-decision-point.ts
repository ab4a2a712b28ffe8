/**
 * A policy document as CASL rules. The default is deny: without a permit the action is denied, and a rule that forbids
 * overrides every permit.
 */
import { Ability, type MatchConditions, type RawRuleOf } from '@casl/ability';
import { claimsAskedFor, isAskedFor } from '../../application/policy/attributes/asked-attributes.js';
import type { PolicyDocument, PolicyRule } from '../../application/policy/policy-document.js';
import { isAboutOutsiders, ruleHolds } from '../../application/policy/rule-holds.js';
import type {
  Action,
  Decision,
  KnownAttributes,
  PolicyDecisionPoint,
} from '../../application/ports/policy-decision-point.js';

/** The subject type of all rules: the request with its attributes. */
const REQUEST = 'Request';

type RequestTuple = [Action, typeof REQUEST | KnownAttributes];
type RequestAbility = Ability<RequestTuple, PolicyRule>;

export class CaslDecisionPoint implements PolicyDecisionPoint {
  readonly version: string;
  readonly claims: readonly string[];
  readonly tokenClaims: readonly string[];
  private readonly ability: RequestAbility;
  /** By action: the text of a denial without a rule. */
  private readonly unpermitted = new Map<Action, string>();

  constructor(private readonly document: PolicyDocument) {
    const { version, rules } = document;
    this.version = version;
    // In CASL the last matching rule wins, so rules that forbid come last.
    const inOrder = [
      ...rules.filter(({ effect }) => effect === 'permit'),
      ...rules.filter(({ effect }) => effect === 'deny'),
    ];
    this.ability = new Ability<RequestTuple, PolicyRule>(inOrder.map(toCaslRule), {
      detectSubjectType: () => REQUEST,
      conditionsMatcher: (rule) => ruleHolds(rule) as MatchConditions,
    });
    this.claims = claimsAskedFor(rules, 'claims');
    this.tokenClaims = claimsAskedFor(rules, 'token');
  }

  decide(attributes: KnownAttributes): Decision {
    // The attributes are always the subject: without a subject CASL ignores conditions.
    const rule = this.ability.relevantRuleFor(attributes.action, attributes)?.conditions;
    if (rule === undefined) return { effect: 'deny', rule: null, detail: this.noPermit(attributes.action) };
    if (rule.effect === 'permit') return { effect: 'permit', rule: rule.id };
    return { effect: 'deny', rule: rule.id, detail: `${rule.id}: ${rule.reason}` };
  }

  permitsOutsiders(action: Action): boolean {
    return this.document.rules.some(
      (rule) => rule.effect === 'permit' && rule.actions.includes(action) && isAboutOutsiders(rule),
    );
  }

  asksFor(action: Action, attribute: string): boolean {
    return isAskedFor(this.document.rules, action, attribute);
  }

  private noPermit(action: Action): string {
    let detail = this.unpermitted.get(action);
    if (detail === undefined) {
      const permits = this.document.rules.filter(
        ({ effect, actions }) => effect === 'permit' && actions.includes(action),
      );
      detail =
        permits.length === 0
          ? 'no rule permits this'
          : `none of these rules permits it: ${permits.map(({ id }) => id).join(', ')}`;
      this.unpermitted.set(action, detail);
    }
    return detail;
  }
}

function toCaslRule(rule: PolicyRule): RawRuleOf<RequestAbility> {
  const { id, effect, actions } = rule;
  return { action: actions, subject: REQUEST, inverted: effect === 'deny', reason: id, conditions: rule };
}
