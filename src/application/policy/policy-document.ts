/** A policy as its author writes it, checked: rules over named facts, and how often things may be done. */
import type { CommandType } from '../../contract/commands.js';
import type { Action } from './facts.js';

/** What one fact is held against. Where it is missing, none of these holds. */
export type Condition =
  | { is: Comparable[]; among?: ProducerSet }
  /** It is known, and none of these; that there is none is known too. */
  | { isNot: Comparable[]; among?: ProducerSet }
  | { present: boolean }
  | { atLeast?: number; atMost?: number };

/** A set of producers that the document names: its list is what the fact is compared with, and may be empty. */
export type ProducerSet = string;

/** Null: it is known that there is none. */
export type Comparable = string | number | boolean | null;

export interface PolicyRule {
  id: string;
  effect: 'permit' | 'deny';
  actions: Action[];
  /** By the names of facts; all of them must hold. */
  conditions: { [fact: string]: Condition };
  /** Why, in the words of a refusal. */
  reason: string;
}

export const QUOTA_KEYS = ['actor', 'chat', 'tenant', 'producer'] as const;

/** At most so many of these commands in so long, for each of what it is counted by. */
export interface Quota {
  id: string;
  per: (typeof QUOTA_KEYS)[number];
  actions: CommandType[];
  limit: number;
  windowMs: number;
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
      Object.entries(rule.conditions).map(([fact, condition]) => [fact, listing(condition)]),
    ),
  }));
  return { ...document, rules };
}
