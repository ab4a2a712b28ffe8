import { CaslDecisionPoint } from '../../../src/adapters/policy/casl-decision-point.js';
import { readPolicy } from '../../../src/adapters/policy/read-policy.js';
import { readPolicyFile } from '../../../src/main/policy/policy-file.js';

const { document } = readPolicyFile();

/** The policy that comes with Parley. */
export function defaultPolicy(): CaslDecisionPoint {
  return new CaslDecisionPoint(document);
}

/** Our policy with other rules before or behind it, as YAML of a list. */
export function policyWith(rules: string, change = (source: string) => source): CaslDecisionPoint {
  const read = readPolicy(change(readPolicyFile().source).replace('\nrules:\n', `\nrules:\n${rules}\n`));
  if (!read.ok) throw new Error(read.faults.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return new CaslDecisionPoint(read.document);
}

/** Our policy in which these producers may say what kind of user their actor is, with other rules before. */
export function policyTrusting(producer: string, rules = ''): CaslDecisionPoint {
  return policyWith(rules, (source) => source.replace('directories: []', `directories: [${producer}]`));
}

/** What a decision point that a test makes up says besides its decisions. */
export const NO_CLAIMS = {
  version: 'made-up',
  claims: [],
  tokenClaims: [],
  permitsOutsiders: () => false,
  asksFor: () => false,
};
