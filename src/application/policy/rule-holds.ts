/**
 * Whether a rule holds for a request. Each condition has three possible results: yes, no, and unknown if the attribute
 * was not gathered. Unknown is never in the actor's favour: a rule that permits does not hold, and a rule that forbids
 * does.
 */

import type { UnreadableClaim } from '../../domain/user.js';
import type { KnownAttributes } from '../ports/policy-decision-point.js';
import { CLAIM_ATTRIBUTE, isInChat } from './attributes/attribute-catalogue.js';
import type { Comparable, Condition, PolicyRule } from './policy-document.js';

/** Undefined means unknown. */
export type AttributeValue = Comparable | readonly Comparable[] | UnreadableClaim | undefined;

/** One evaluated condition, for explanations. */
export interface EvaluatedCondition {
  attribute: string;
  condition: Condition;
  value: AttributeValue;
  outcome: 'yes' | 'no' | 'unknown';
}

/** Prepared once per rule, not per request. */
export function ruleHolds(rule: PolicyRule): (attributes: KnownAttributes) => boolean {
  const isPermit = rule.effect === 'permit';
  const conditions = Object.entries(rule.conditions).map(([attribute, condition]) => ({
    path: attribute.split('.'),
    evaluate: evaluatorOf(attribute, condition),
  }));
  const isForMembers = isPermit && !isAboutOutsiders(rule);
  return (attributes) => {
    if (isForMembers && isNotInChat(attributes)) return false;
    for (const { path, evaluate } of conditions) {
      const outcome = evaluate(attributeAt(attributes, path));
      if (outcome === 'no' || (outcome === 'unknown' && isPermit)) return false;
    }
    return true;
  };
}

/** The rule's conditions, including the implicit one of a rule that permits: the actor is in the chat. */
export function evaluateConditions(rule: PolicyRule, attributes: KnownAttributes): EvaluatedCondition[] {
  const evaluated = Object.entries(rule.conditions).map(([attribute, condition]): EvaluatedCondition => {
    const value = attributeAt(attributes, attribute.split('.'));
    return { attribute, condition, value, outcome: evaluatorOf(attribute, condition)(value) };
  });
  if (rule.effect === 'deny' || isAboutOutsiders(rule) || !isNotInChat(attributes)) return evaluated;
  if (evaluated.some(({ attribute, outcome }) => attribute === 'role' && outcome !== 'yes')) return evaluated;
  const { role } = attributes;
  const outcome = role === undefined ? 'unknown' : 'no';
  return [{ attribute: 'role', condition: { present: true }, value: role, outcome }, ...evaluated];
}

/** A rule must name actors outside the chat explicitly, so that an incomplete rule does not admit them. */
export function isAboutOutsiders({ conditions: { role } }: PolicyRule): boolean {
  return role !== undefined && 'is' in role && role.is.includes(null);
}

/** For actions in a chat. True also if the role is unknown. */
function isNotInChat({ action, role = null }: KnownAttributes): boolean {
  return role === null && isInChat(action);
}

/** `actor.claims.guest` */
const CLAIM_DEPTH = 3;

export function attributeAt(attributes: KnownAttributes, path: readonly string[]): AttributeValue {
  let value: unknown = attributes;
  for (const [depth, step] of path.entries()) {
    if (value === null || value === undefined) return undefined;
    // A claim that is missing among the gathered ones is absent. A property with the value undefined was not gathered.
    if (!Object.hasOwn(value, step)) return depth + 1 === CLAIM_DEPTH ? null : undefined;
    value = (value as { [step: string]: unknown })[step];
  }
  return value as AttributeValue;
}

type Outcome = EvaluatedCondition['outcome'];

/** A claim can have any type. If its type differs from the rule's values, the result is unknown. */
function evaluatorOf(attribute: string, condition: Condition): (value: AttributeValue) => Outcome {
  const holds = test(condition);
  const isReadable = CLAIM_ATTRIBUTE.test(attribute) ? readable(condition) : () => true;
  return (value) => {
    if (value === undefined || (value !== null && !isReadable(value))) return 'unknown';
    return holds(value) ? 'yes' : 'no';
  };
}

function readable(condition: Condition): (value: NonNullable<AttributeValue>) => boolean {
  if ('present' in condition) return () => true;
  if ('atLeast' in condition || 'atMost' in condition) return (value) => typeof value === 'number';
  const comparables = 'is' in condition ? condition.is : 'isNot' in condition ? condition.isNot : [];
  const kinds = new Set<string>(comparables.map((comparable) => typeof comparable));
  return (value) => kinds.has(Array.isArray(value) ? 'string' : typeof value);
}

type Test = (value: NonNullable<AttributeValue> | null) => boolean;

function test(condition: Condition): Test {
  if ('is' in condition) return isAmong(condition.is);
  if ('isNot' in condition) {
    const is = isAmong(condition.isNot);
    return (value) => !is(value);
  }
  if ('present' in condition) return (value) => (value !== null) === condition.present;
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = condition;
  return (value) => typeof value === 'number' && value >= atLeast && value <= atMost;
}

/** A claim that is a list matches if one of its entries does. */
function isAmong(comparables: readonly Comparable[]): Test {
  const set = new Set(comparables);
  return (value) => (Array.isArray(value) ? value.some((entry) => set.has(entry)) : set.has(value as Comparable));
}
