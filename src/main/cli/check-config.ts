import { rolesNamed } from '../roles/registry.js';
import { readSettings } from '../settings.js';

/**
 * Prints each variable with its value and source, secrets hidden. Exit code 1 on a fault; the variables that `roles`
 * need and that are not set are faults.
 */
export function checkConfig(roles: readonly string[]): void {
  const { entries, faults } = readSettings(rolesNamed(roles).map(({ name }) => name));
  const nameWidth = Math.max(...entries.map(({ name }) => name.length));
  const valueWidth = Math.max(...entries.map(({ shown }) => shown.length), 1);
  for (const { name, source, shown, describe } of entries)
    console.log(`${name.padEnd(nameWidth)}  ${(shown || '-').padEnd(valueWidth)}  ${source.padEnd(11)}  ${describe}`);
  for (const fault of faults) console.error(`parley: ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
