/** A checked policy document: rules over named attributes, and quotas. */

import type { Action } from '../ports/policy-decision-point.js';
import type { Quota } from '../ports/quotas.js';

/** The condition on one attribute. For an unknown value, none of these holds. */
export type Condition =
  | { is: Comparable[]; among?: ProducerSet }
  /** The value is known and is none of these. An absent value counts as known. */
  | { isNot: Comparable[]; among?: ProducerSet }
  | { present: boolean }
  | { atLeast?: number; atMost?: number };

/** A set of producers that the document defines. The attribute is compared with its list, which may be empty. */
export type ProducerSet = string;

/** Null: it is known to be absent. */
export type Comparable = string | number | boolean | null;

export interface PolicyRule {
  id: string;
  effect: 'permit' | 'deny';
  actions: Action[];
  /** By attribute name. All conditions must hold. */
  conditions: { [attribute: string]: Condition };
  /** The reason, in the text of a refusal. */
  reason: string;
}

export interface PolicyDocument {
  /** The author's name for the policy, with a digest of the text. */
  version: string;
  rules: PolicyRule[];
  quotas: Quota[];
}

/** The same policy with more producers in its sets, for tests. */
export function withProducers<T extends Pick<PolicyDocument, 'rules'>>(
  document: T,
  more: { readonly [set: ProducerSet]: readonly string[] },
): T {
  const listing = (condition: Condition): Condition => {
    const listed = 'among' in condition && condition.among !== undefined ? more[condition.among] : undefined;
    if (listed === undefined) return condition;
    if ('is' in condition) return { ...condition, is: [...condition.is, ...listed] };
    return 'isNot' in condition ? { ...condition, isNot: [...condition.isNot, ...listed] } : condition;
  };
  const rules = document.rules.map((rule) => ({
    ...rule,
    conditions: Object.fromEntries(
      Object.entries(rule.conditions).map(([attribute, condition]) => [attribute, listing(condition)]),
    ),
  }));
  return { ...document, rules };
}
