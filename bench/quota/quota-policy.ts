import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_POLICY_FILE } from '../../src/main/policy/policy-file.js';

/** The last section of the default policy. */
const QUOTAS = /\nquotas:\n[\s\S]*$/;

export interface BenchPolicy {
  file: string;
  remove(): void;
}

/** A `POLICY_FILE` for a run: the default policy with one quota, for the sends of each tenant. */
export function policyWithSends(limit: number, window: string): BenchPolicy {
  return policyWith(
    `\n  - { id: tenant-sends, per: tenant, actions: [message.send], limit: ${limit}, window: ${window} }`,
  );
}

/** The default policy without quotas: the default quota would reject the sends of a single actor. */
export function policyWithoutQuotas(): BenchPolicy {
  return policyWith(' []');
}

function policyWith(quotas: string): BenchPolicy {
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-policy-'));
  const file = join(folder, 'policy.yaml');
  const own = readFileSync(DEFAULT_POLICY_FILE, 'utf8');
  if (!QUOTAS.test(own)) throw new Error('the default policy does not end with its quotas');
  writeFileSync(file, own.replace(QUOTAS, `\nquotas:${quotas}\n`));
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
