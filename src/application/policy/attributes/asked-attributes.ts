/**
 * Which attributes the rules of a policy use. Other attributes need not be gathered, and an attribute that was not
 * gathered is unknown.
 */

import type { Action } from '../../ports/policy-decision-point.js';
import type { PolicyRule } from '../policy-document.js';
import { CLAIM_ATTRIBUTE } from './attribute-catalogue.js';

/** The names of the claims that the rules use: of the actor's profile, or of the token. */
export function claimsAskedFor(rules: readonly PolicyRule[], of: 'claims' | 'token'): string[] {
  const names = rules.flatMap(({ conditions }) =>
    Object.keys(conditions).flatMap((attribute) => {
      const [, where, name] = CLAIM_ATTRIBUTE.exec(attribute) ?? [];
      return where === of && name !== undefined ? [name] : [];
    }),
  );
  return [...new Set(names)];
}

/** Whether a rule about the action names the attribute or a nested one. */
export function isAskedFor(rules: readonly PolicyRule[], action: Action, attribute: string): boolean {
  return rules.some(
    ({ actions, conditions }) =>
      actions.includes(action) &&
      Object.keys(conditions).some((name) => name === attribute || name.startsWith(`${attribute}.`)),
  );
}
