/** Decision tables: what a policy must decide for made-up requests, and whether it does. */
import type { PolicyAttributes, PolicyDecisionPoint } from '../ports/policy-decision-point.js';
import type { PolicyDocument, PolicyRule } from './policy-document.js';

export interface PolicyCase {
  name: string;
  attributes: PolicyAttributes;
  expect: 'permit' | 'deny';
  /** The rule that must decide. Undefined means any rule. */
  by?: string;
}

export interface FailedCase {
  name: string;
  /** The expected and the actual result. */
  message: string;
}

export interface CasesReport {
  passed: number;
  failed: FailedCase[];
  /** Rules that decided no case: removing them would not be noticed. */
  unreached: string[];
  /**
   * Rules of which only one side was tested: they permit (or forbid) a case, but there is no case of theirs that is
   * denied (or permitted).
   */
  oneSided: string[];
}

export function isClean({ failed, unreached, oneSided }: CasesReport): boolean {
  return failed.length + unreached.length + oneSided.length === 0;
}

/**
 * A rule must decide at least one case, and there must be a case about one of its actions that has the opposite result
 * without it.
 */
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
