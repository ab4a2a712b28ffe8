/**
 * Whether a rule holds for a request. Three answers are possible for each condition: yes, no, and unknown where the fact was not gathered.
 * Unknown is never in the actor's favour: a rule that permits does not hold, one that forbids does.
 */

import type { UnreadableClaim } from '../../domain/user.js';
import { CLAIM_FACT, isInChat } from './fact-catalogue.js';
import type { KnownFacts } from './facts.js';
import type { Comparable, Condition, PolicyRule } from './policy-document.js';

/** Undefined: unknown. */
export type FactValue = Comparable | readonly Comparable[] | UnreadableClaim | undefined;

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
    judge: judging(fact, condition),
  }));
  const isForMembers = isPermit && !isAboutOutsiders(rule);
  return (facts) => {
    if (isForMembers && isNotInChat(facts)) return false;
    for (const { path, judge } of conditions) {
      const outcome = judge(factAt(facts, path));
      if (outcome === 'no' || (outcome === 'unknown' && isPermit)) return false;
    }
    return true;
  };
}

/** The rule's conditions, with the one that a rule which permits need not spell out: that the actor is in the chat. */
export function judgeConditions(rule: PolicyRule, facts: KnownFacts): JudgedCondition[] {
  const judged = Object.entries(rule.conditions).map(([fact, condition]): JudgedCondition => {
    const value = factAt(facts, fact.split('.'));
    return { fact, condition, value, outcome: judging(fact, condition)(value) };
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

type Outcome = JudgedCondition['outcome'];

/** A claim is whatever somebody has written: one of another kind than the rule compares with says neither yes nor no. */
function judging(fact: string, condition: Condition): (value: FactValue) => Outcome {
  const holds = test(condition);
  const isReadable = CLAIM_FACT.test(fact) ? readable(condition) : () => true;
  return (value) => {
    if (value === undefined || (value !== null && !isReadable(value))) return 'unknown';
    return holds(value) ? 'yes' : 'no';
  };
}

function readable(condition: Condition): (value: NonNullable<FactValue>) => boolean {
  if ('present' in condition) return () => true;
  if ('atLeast' in condition || 'atMost' in condition) return (value) => typeof value === 'number';
  const comparables = 'is' in condition ? condition.is : 'isNot' in condition ? condition.isNot : [];
  const kinds = new Set<string>(comparables.map((comparable) => typeof comparable));
  return (value) => kinds.has(Array.isArray(value) ? 'string' : typeof value);
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
