import { StartupError } from '../../infrastructure/process/startup-error.js';

export const ROLES = ['worker', 'api', 'relay'] as const;
export type Role = (typeof ROLES)[number];

function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}

/** The roles of these names, each once; a `StartupError` where there is no such role. */
export function rolesOf(names: readonly string[]): Role[] {
  const unknown = names.filter((name) => !isRole(name));
  if (unknown.length > 0)
    throw new StartupError([`unknown role ${unknown.join(', ')}; the roles are ${ROLES.join(', ')}`]);
  return [...new Set(names.filter(isRole))];
}
