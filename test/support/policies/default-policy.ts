import { CaslDecisionPoint } from '../../../src/adapters/policy/casl-decision-point.js';
import { readPolicy } from '../../../src/adapters/policy/read-policy.js';
import { readPolicyFile } from '../../../src/main/policy/policy-file.js';

const { document } = readPolicyFile();

/** Parley's default policy. */
export function defaultPolicy(): CaslDecisionPoint {
  return new CaslDecisionPoint(document);
}

/** The default policy with more rules before or after its own, as a YAML list. */
export function policyWith(rules: string, change = (source: string) => source): CaslDecisionPoint {
  const read = readPolicy(change(readPolicyFile().source).replace('\nrules:\n', `\nrules:\n${rules}\n`));
  if (!read.ok) throw new Error(read.faults.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return new CaslDecisionPoint(read.document);
}

/** The default policy, in which these producers may set the kind of users, with more rules before. */
export function policyTrusting(producer: string, rules = ''): CaslDecisionPoint {
  return policyWith(rules, (source) => source.replace('directories: []', `directories: [${producer}]`));
}

/** The properties of a test's decision point besides its decisions. */
export const NO_CLAIMS = {
  version: 'made-up',
  claims: [],
  tokenClaims: [],
  permitsOutsiders: () => false,
  asksFor: () => false,
};
