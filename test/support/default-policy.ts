import { CaslDecisionPoint } from '../../src/adapters/casl/casl-decision-point.js';
import { readPolicyFile } from '../../src/main/policy-file.js';

const { document } = readPolicyFile();

/** The policy that comes with Parley. */
export function defaultPolicy(): CaslDecisionPoint {
  return new CaslDecisionPoint(document);
}

/** What a decision point that a test makes up says besides its decisions. */
export const NO_CLAIMS = {
  version: 'made-up',
  claims: [],
  tokenClaims: [],
  permitsOutsiders: () => false,
  asksFor: () => false,
};
