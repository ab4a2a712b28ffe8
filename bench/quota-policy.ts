import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A `POLICY_FILE` for a run: the default policy with one quota, on what each tenant sends. */
export function policyWithSends(limit: number, window: string): { file: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'parley-bench-policy-'));
  const file = join(folder, 'policy.yaml');
  const quota = `{ id: tenant-sends, per: tenant, actions: [message.send], limit: ${limit}, window: ${window} }`;
  writeFileSync(
    file,
    readFileSync('policy/default.yaml', 'utf8').replace('\nquotas: []\n', `\nquotas:\n  - ${quota}\n`),
  );
  return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
