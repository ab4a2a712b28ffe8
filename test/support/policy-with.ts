import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_POLICY_FILE } from '../../src/main/policy-file.js';
import { scratchFolder } from './services.js';

/** A new folder for a `POLICY_FILE`, to be written with `writePolicyWith`. */
export function policyFilePath(): string {
  return join(scratchFolder('policy'), 'policy.yaml');
}

/** Parley's own policy with these quotas, each a line of YAML. */
export function writePolicyWith(file: string, quotas: readonly string[]): void {
  const own = readFileSync(DEFAULT_POLICY_FILE, 'utf8');
  const given = own.replace('\nquotas: []\n', `\nquotas:\n${quotas.map((quota) => `  - ${quota}\n`).join('')}`);
  if (given === own) throw new Error('the default policy has no line for quotas');
  writeFileSync(file, given);
}
