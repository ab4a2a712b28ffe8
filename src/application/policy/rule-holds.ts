/**
 * Whether a rule holds for a request. Three answers are possible for each condition: yes, no, and unknown where the fact was not gathered.
 * Unknown is never in the actor's favour: a rule that permits does not hold, one that forbids does.
 */
import { isInChat } from './fact-catalogue.js';
import type { KnownFacts } from './facts.js';
import type { Comparable, Condition, PolicyRule } from './policy-document.js';

/** Undefined: unknown. */
export type FactValue = Comparable | readonly Comparable[] | undefined;

/** One condition by itself, for whoever has to say why. */
export interface JudgedCondition {
  fact: string;
  condition: Condition;
  value: FactValue;
  outcome: 'yes' | 'no' | 'unknown';
}

/** Looked up once per rule, not per request. */
export function ruleHolds(rule: PolicyRule): (facts: KnownFacts) => boolean {
  const isPermit = rule.effect === 'permit';
  const conditions = Object.entries(rule.conditions).map(([fact, condition]) => ({
    path: fact.split('.'),
    holds: test(condition),
  }));
  const isForMembers = isPermit && !isAboutOutsiders(rule);
  return (facts) => {
    if (isForMembers && isNotInChat(facts)) return false;
    for (const { path, holds } of conditions) {
      const value = factAt(facts, path);
      if (!(value === undefined ? !isPermit : holds(value))) return false;
    }
    return true;
  };
}

/** The rule's conditions, with the one that a rule which permits need not spell out: that the actor is in the chat. */
export function judgeConditions(rule: PolicyRule, facts: KnownFacts): JudgedCondition[] {
  const judged = Object.entries(rule.conditions).map(([fact, condition]): JudgedCondition => {
    const value = factAt(facts, fact.split('.'));
    const outcome = value === undefined ? 'unknown' : test(condition)(value) ? 'yes' : 'no';
    return { fact, condition, value, outcome };
  });
  if (rule.effect === 'deny' || isAboutOutsiders(rule) || !isNotInChat(facts)) return judged;
  if (judged.some(({ fact, outcome }) => fact === 'role' && outcome !== 'yes')) return judged;
  const { role } = facts;
  const outcome = role === undefined ? 'unknown' : 'no';
  return [{ fact: 'role', condition: { present: true }, value: role, outcome }, ...judged];
}

/** Nobody is let into a chat by what a rule forgets to say: it has to name those who are not in it. */
export function isAboutOutsiders({ conditions: { role } }: PolicyRule): boolean {
  return role !== undefined && 'is' in role && role.is.includes(null);
}

/** As far as is known. */
function isNotInChat({ action, role = null }: KnownFacts): boolean {
  return role === null && isInChat(action);
}

/** `actor.claims.guest` */
const CLAIM_DEPTH = 3;

export function factAt(facts: KnownFacts, path: readonly string[]): FactValue {
  let value: unknown = facts;
  for (const [depth, step] of path.entries()) {
    if (value === null || value === undefined) return undefined;
    // What is not among claims that were looked at is not there. One that is there, undefined, was not looked at.
    if (!Object.hasOwn(value, step)) return depth + 1 === CLAIM_DEPTH ? null : undefined;
    value = (value as { [step: string]: unknown })[step];
  }
  return value as FactValue;
}

type Test = (value: NonNullable<FactValue> | null) => boolean;

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

/** A claim that is a list is among them if one of its entries is. */
function isAmong(comparables: readonly Comparable[]): Test {
  const set = new Set(comparables);
  return (value) => (Array.isArray(value) ? value.some((entry) => set.has(entry)) : set.has(value as Comparable));
}
