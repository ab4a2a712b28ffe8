/** Facts, and what is asked of them, in words. */
import { findFact } from './fact-catalogue.js';
import type { Condition } from './policy-document.js';
import type { FactValue, JudgedCondition } from './rule-holds.js';

/** What can stand by itself in a sentence; anything else is quoted, and what is no printable character escaped. */
const PLAIN = /^[A-Za-z0-9_-][A-Za-z0-9_@:.+|/-]*$/;

const UNITS: readonly [unit: string, ms: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/**
 * How much is told. Only operators are told whom a rule names: users, tenants, programs, or what is said of them. Users
 * are not told either what was recorded of claims and of the producer; auditors, who may view all decisions, are.
 */
export type Discretion = 'for users' | 'for auditors' | 'for operators';

const NAMES_OTHERS = /^(actor\.(userId|tenantId|claims\.|token\.)|producer\.)/;
const NOT_FOR_USERS = /^(actor\.(claims|token)|producer)\./;

/** Whether the fact's value is told. */
export function isShown(fact: string, discretion: Discretion): boolean {
  return discretion !== 'for users' || !NOT_FOR_USERS.test(fact);
}

/** `chat.kind be direct or group (it is channel)`: what is asked of a fact, and what it is. */
export function describeCondition(
  { fact, condition, value }: JudgedCondition,
  verb: 'be' | 'were' | 'is',
  discretion: Discretion,
): string {
  const wanted =
    discretion !== 'for operators' && NAMES_OTHERS.test(fact) ? 'what the policy asks for' : expected(fact, condition);
  const found = isShown(fact, discretion) ? `it is ${describeValue(fact, value)}` : 'its value is not shown';
  return `${fact} ${verb} ${wanted} (${found})`;
}

export function describeValue(fact: string, value: FactValue): string {
  if (value === undefined) return 'not known';
  if (value === null) return 'none';
  if (typeof value === 'object' && 'unreadable' in value) return 'nothing to compare with';
  if (typeof value === 'object') return `[${value.map((entry) => describeValue(fact, entry)).join(', ')}]`;
  if (typeof value === 'number' && findFact(fact)?.type === 'duration') return describeDuration(value);
  return typeof value === 'string' && !PLAIN.test(value) ? JSON.stringify(value) : String(value);
}

function expected(fact: string, condition: Condition): string {
  const words = (values: readonly FactValue[]) =>
    listed(
      values.map((value) => describeValue(fact, value)),
      'or',
    );
  const listedIn = (set: string, values: readonly FactValue[]) =>
    `among the producers ${set} (${values.length === 0 ? 'none is listed' : words(values)})`;
  if ('is' in condition)
    return condition.among === undefined ? words(condition.is) : listedIn(condition.among, condition.is);
  if ('isNot' in condition)
    return condition.among === undefined
      ? `anything but ${words(condition.isNot)}`
      : `not ${listedIn(condition.among, condition.isNot)}`;
  if ('present' in condition) return condition.present ? 'there' : 'none';
  const { atLeast, atMost } = condition;
  return listed(
    [
      ...(atLeast === undefined ? [] : [`at least ${describeValue(fact, atLeast)}`]),
      ...(atMost === undefined ? [] : [`at most ${describeValue(fact, atMost)}`]),
    ],
    'and',
  );
}

/** `a, b or c` */
export function listed(words: readonly string[], conjunction: 'and' | 'or'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`;
}

/** As durations are written in a policy: `15m`. */
function describeDuration(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms !== 0 && ms % length === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}
