/** A policy as its author writes it, checked: rules over named facts, and how often things may be done. */
import type { CommandType } from '../../contract/commands.js';
import type { Action } from './facts.js';

/** What one fact is held against. Where it is missing, none of these holds. */
export type Condition =
  | { is: Comparable[] }
  /** It is known, and none of these; that there is none is known too. */
  | { isNot: Comparable[] }
  | { present: boolean }
  | { atLeast?: number; atMost?: number };

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
