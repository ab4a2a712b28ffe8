import { type Role, rolesOf } from '../roles/role-names.js';
import { readSettings } from '../settings.js';

/**
 * What each variable is and where it came from, secrets hidden; exit 1 on a fault. For `roles` it also says what they
 * lack.
 */
export function checkConfig(roles: readonly string[]): void {
  const purposes: Role[] = rolesOf(roles);
  const { entries, faults } = readSettings(purposes);
  const nameWidth = Math.max(...entries.map(({ name }) => name.length));
  const valueWidth = Math.max(...entries.map(({ shown }) => shown.length), 1);
  for (const { name, source, shown, describe } of entries)
    console.log(`${name.padEnd(nameWidth)}  ${(shown || '-').padEnd(valueWidth)}  ${source.padEnd(11)}  ${describe}`);
  for (const fault of faults) console.error(`parley: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
