/** Texts for attributes and conditions. */

import type { Condition } from '../policy-document.js';
import type { AttributeValue, EvaluatedCondition } from '../rule-holds.js';
import { findAttribute } from './attribute-catalogue.js';

/** Values that can be in a sentence without quotes. Others are quoted, with non-printable characters escaped. */
const PLAIN = /^[A-Za-z0-9_-][A-Za-z0-9_@:.+|/-]*$/;

const UNITS: readonly [unit: string, ms: number][] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/**
 * How much a text reveals. Only operators see the values that a rule names: users, tenants, programs and claims.
 * Auditors, who may view all decisions, also see the recorded claims and the producer. Users see neither.
 */
export type Discretion = 'for users' | 'for auditors' | 'for operators';

const NAMES_OTHERS = /^(actor\.(userId|tenantId|claims\.|token\.)|producer\.)/;
const NOT_FOR_USERS = /^(actor\.(claims|token)|producer)\./;

/** Whether the attribute's value is shown. */
export function isShown(attribute: string, discretion: Discretion): boolean {
  return discretion !== 'for users' || !NOT_FOR_USERS.test(attribute);
}

/** `chat.kind be direct or group (it is channel)`: the condition on an attribute, and its value. */
export function describeCondition(
  { attribute, condition, value }: EvaluatedCondition,
  verb: 'be' | 'were' | 'is',
  discretion: Discretion,
): string {
  const wanted =
    discretion !== 'for operators' && NAMES_OTHERS.test(attribute)
      ? 'the value that the policy requires'
      : expected(attribute, condition);
  const found = isShown(attribute, discretion) ? `it is ${describeValue(attribute, value)}` : 'its value is not shown';
  return `${attribute} ${verb} ${wanted} (${found})`;
}

export function describeValue(attribute: string, value: AttributeValue): string {
  if (value === undefined) return 'unknown';
  if (value === null) return 'none';
  if (typeof value === 'object' && 'unreadable' in value) return 'not comparable';
  if (typeof value === 'object') return `[${value.map((entry) => describeValue(attribute, entry)).join(', ')}]`;
  if (typeof value === 'number' && findAttribute(attribute)?.type === 'duration') return describeDuration(value);
  return typeof value === 'string' && !PLAIN.test(value) ? JSON.stringify(value) : String(value);
}

function expected(attribute: string, condition: Condition): string {
  const words = (values: readonly AttributeValue[]) =>
    listed(
      values.map((value) => describeValue(attribute, value)),
      'or',
    );
  const listedIn = (set: string, values: readonly AttributeValue[]) =>
    `among the producers ${set} (${values.length === 0 ? 'none is listed' : words(values)})`;
  if ('is' in condition)
    return condition.among === undefined ? words(condition.is) : listedIn(condition.among, condition.is);
  if ('isNot' in condition)
    return condition.among === undefined
      ? `other than ${words(condition.isNot)}`
      : `not ${listedIn(condition.among, condition.isNot)}`;
  if ('present' in condition) return condition.present ? 'present' : 'none';
  const { atLeast, atMost } = condition;
  return listed(
    [
      ...(atLeast === undefined ? [] : [`at least ${describeValue(attribute, atLeast)}`]),
      ...(atMost === undefined ? [] : [`at most ${describeValue(attribute, atMost)}`]),
    ],
    'and',
  );
}

/** `a, b or c` */
export function listed(words: readonly string[], conjunction: 'and' | 'or'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`;
}

/** In the format of durations in a policy: `15m`. */
function describeDuration(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms !== 0 && ms % length === 0) ?? ['ms', 1];
  return `${ms / size}${unit}`;
}
