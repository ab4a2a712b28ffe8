import { readPolicyFile } from '../../policy/policy-file.js';
import { readSettings } from '../../settings.js';

/** Throws a `StartupError` with a line for each fault. */
export function runPolicyCheck(file: string | undefined): void {
  const { document } = readPolicyFile(file ?? readSettings([]).settings.policyFile);
  console.log(`${document.version}: ${document.rules.length} rules, ${document.quotas.length} quotas`);
}
