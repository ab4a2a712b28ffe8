/** Decision tables: what a policy is to say of made-up requests, and whether it does. */
import type { PolicyAttributes, PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { PolicyDocument, PolicyRule } from './policy-document.js';

export interface PolicyCase {
  name: string;
  attributes: PolicyAttributes;
  expect: 'permit' | 'deny';
  /** The rule that is to decide; undefined: whichever does. */
  by?: string;
}

export interface FailedCase {
  name: string;
  /** What was expected, and what came. */
  message: string;
}

export interface CasesReport {
  passed: number;
  failed: FailedCase[];
  /** Rules that decided no case: nothing would be noticed if they were not there. */
  unreached: string[];
  /** Rules of which only one side was seen: what they permit (or forbid), but no case of theirs that is refused (or permitted). */
  oneSided: string[];
}

export function isClean({ failed, unreached, oneSided }: CasesReport): boolean {
  return failed.length + unreached.length + oneSided.length === 0;
}

/** A rule must have decided at least one case, and there must be one about an action of its own that went the other way without it. */
export function tryCases(
  { rules }: PolicyDocument,
  policy: PolicyDecisionPoint,
  cases: readonly PolicyCase[],
): CasesReport {
  const failed: FailedCase[] = [];
  const decided = cases.map(({ name, attributes, expect, by }) => {
    const { effect, rule } = policy.decide(attributes);
    const came = `${effect} by ${rule ?? 'no rule'}`;
    if (effect !== expect || (by !== undefined && by !== rule))
      failed.push({ name, message: `expected ${expect}${by === undefined ? '' : ` by ${by}`}, came ${came}` });
    return { action: attributes.action, effect, rule };
  });
  const seen = new Set(decided.map(({ rule }) => rule));
  const wentTheOtherWay = ({ actions, effect }: PolicyRule) =>
    decided.some((decision) => decision.effect !== effect && actions.includes(decision.action));
  return {
    passed: cases.length - failed.length,
    failed,
    unreached: rules.filter(({ id }) => !seen.has(id)).map(({ id }) => id),
    oneSided: rules.filter((rule) => seen.has(rule.id) && !wentTheOtherWay(rule)).map(({ id }) => id),
  };
}
