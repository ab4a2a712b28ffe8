/**
 * Whether a rule holds for a request. Three answers are possible for each condition: yes, no, and unknown where the fact was not gathered.
 * Unknown is never in the actor's favour: a rule that permits does not hold, one that forbids does.
 */
import { isInChat } from '../../application/policy/fact-catalogue.js';
import type { PolicyFacts } from '../../application/policy/facts.js';
import type { Comparable, Condition, PolicyRule } from '../../application/policy/policy-document.js';

const UNKNOWN = Symbol('unknown');

type FactValue = Comparable | readonly Comparable[] | typeof UNKNOWN;

/** Looked up once per rule, not per request. */
export function ruleHolds(rule: PolicyRule): (facts: PolicyFacts) => boolean {
  const isPermit = rule.effect === 'permit';
  const conditions = Object.entries(rule.conditions).map(([fact, condition]) => ({
    path: fact.split('.'),
    holds: test(condition),
  }));
  const letsOutsidersIn = isAboutOutsiders(rule);
  return (facts) => {
    if (isPermit && !letsOutsidersIn && (facts.role ?? null) === null && isInChat(facts.action)) return false;
    for (const { path, holds } of conditions) {
      const value = factAt(facts, path);
      if (!(value === UNKNOWN ? !isPermit : holds(value))) return false;
    }
    return true;
  };
}

/** Nobody is let into a chat by what a rule forgets to say: it has to name those who are not in it. */
export function isAboutOutsiders({ conditions: { role } }: PolicyRule): boolean {
  return role !== undefined && 'is' in role && role.is.includes(null);
}

function factAt(facts: PolicyFacts, path: readonly string[]): FactValue {
  let value: unknown = facts;
  for (const step of path) {
    if (value === null || value === undefined) return UNKNOWN;
    value = Object.hasOwn(value, step) ? (value as { [step: string]: unknown })[step] : undefined;
  }
  // What is not among claims that were looked at is not there.
  if (value === undefined) return path[0] === 'actor' ? null : UNKNOWN;
  return value as Comparable | Comparable[];
}

function test(condition: Condition): (value: Exclude<FactValue, typeof UNKNOWN>) => boolean {
  if ('is' in condition) return isAmong(condition.is);
  if ('isNot' in condition) {
    const is = isAmong(condition.isNot);
    return (value) => !is(value);
  }
  if ('present' in condition) return (value) => (value !== null) === condition.present;
  const { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = condition;
  return (value) => typeof value === 'number' && value >= atLeast && value <= atMost;
}

/** A claim that is a list is among them if one of its entries is. */
function isAmong(comparables: readonly Comparable[]): (value: Exclude<FactValue, typeof UNKNOWN>) => boolean {
  const set = new Set(comparables);
  return (value) => (Array.isArray(value) ? value.some((entry) => set.has(entry)) : set.has(value as Comparable));
}
