/** Attributes that commands and queries have in common. */
import type { Claims } from '../../../domain/user.js';

const NO_CLAIMS: Claims = Object.freeze({});

/** The claims that the policy names. Others are neither passed on nor recorded with a decision. */
export function chosenClaims(claims: Claims | undefined, names: readonly string[]): Claims {
  if (claims === undefined || names.length === 0) return NO_CLAIMS;
  const chosen: Claims = {};
  for (const name of names) {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    if (value !== undefined) chosen[name] = value;
  }
  return chosen;
}

/**
 * What programs take for a web address: with a scheme, or starting with www. Bare names such as example.com look like
 * words.
 */
const LINK = /(?:https?:\/\/|www\.)[^\s]/i;

export function hasLinks(text: string): boolean {
  return LINK.test(text);
}
