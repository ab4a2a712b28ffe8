/** A policy as its author writes it, checked: rules over named attributes, and how often things may be done. */

import type { Action } from '../ports/policy-decision-point.js';
import type { Quota } from '../ports/quotas.js';

/** What one attribute is held against. Where it is missing, none of these holds. */
export type Condition =
  | { is: Comparable[]; among?: ProducerSet }
  /** It is known, and none of these; that there is none is known too. */
  | { isNot: Comparable[]; among?: ProducerSet }
  | { present: boolean }
  | { atLeast?: number; atMost?: number };

/** A set of producers that the document names: its list is what the attribute is compared with, and may be empty. */
export type ProducerSet = string;

/** Null: it is known that there is none. */
export type Comparable = string | number | boolean | null;

export interface PolicyRule {
  id: string;
  effect: 'permit' | 'deny';
  actions: Action[];
  /** By the names of attributes; all of them must hold. */
  conditions: { [attribute: string]: Condition };
  /** Why, in the words of a refusal. */
  reason: string;
}

export interface PolicyDocument {
  /** What the author calls it, with a digest of the text. */
  version: string;
  rules: PolicyRule[];
  quotas: Quota[];
}

/** The same policy with more producers in its sets: for trying it. */
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
