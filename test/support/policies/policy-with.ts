import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_POLICY_FILE } from '../../../src/main/policy/policy-file.js';
import { scratchFolder } from '../services/services.js';

/** The last section of the default policy. */
const QUOTAS = /\nquotas:\n[\s\S]*$/;

/** A new folder for a `POLICY_FILE`, to be written with `writePolicyWith`. */
export function policyFilePath(): string {
  return join(scratchFolder('policy'), 'policy.yaml');
}

/** The default policy with only these quotas, each a line of YAML. */
export function writePolicyWith(file: string, quotas: readonly string[]): void {
  const own = readFileSync(DEFAULT_POLICY_FILE, 'utf8');
  if (!QUOTAS.test(own)) throw new Error('the default policy does not end with its quotas');
  const lines = quotas.length === 0 ? ' []\n' : `\n${quotas.map((quota) => `  - ${quota}\n`).join('')}`;
  writeFileSync(file, own.replace(QUOTAS, `\nquotas:${lines}`));
}

/** A `POLICY_FILE` without quotas, in which this producer may set the kind of its actor. */
export function policyTrustingFile(producer: string): string {
  const file = policyFilePath();
  writePolicyWith(file, []);
  const own = readFileSync(file, 'utf8');
  writeFileSync(file, own.replace('directories: []', `directories: [${JSON.stringify(producer)}]`));
  return file;
}

let withoutQuotas: string | null = null;

/**
 * A `POLICY_FILE` for tests in which one actor sends more than the default policy permits: the same rules, no quotas.
 */
export function policyWithoutQuotas(): string {
  if (withoutQuotas === null) {
    withoutQuotas = policyFilePath();
    writePolicyWith(withoutQuotas, []);
  }
  return withoutQuotas;
}

/** The rule of the default policy by which members see their chats. */
const MEMBERS_VIEW = '  - id: members-view\n';

/** A `POLICY_FILE`: the default policy, and a user whose token has the claim `guest` does not see channels. */
export function policyHidingChannelsFromGuests(): string {
  const own = readFileSync(DEFAULT_POLICY_FILE, 'utf8');
  if (!own.includes(MEMBERS_VIEW)) throw new Error('the default policy has no rule members-view');
  const rule = [
    '  - id: guests-see-no-channels',
    ...['    effect: deny', '    actions: [chat.view]', '    subject: { actor.token.guest: true }'],
    ...['    when: { chat.kind: channel }', '    reason: Guests see no channels.'],
  ];
  const file = policyFilePath();
  writeFileSync(file, own.replace(MEMBERS_VIEW, `${rule.join('\n')}\n${MEMBERS_VIEW}`));
  return file;
}
