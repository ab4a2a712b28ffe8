/** The roles of a process. To add a role: its file, and its name in this list. */
import type { Values } from '../../infrastructure/config/config.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import { variablesOf } from '../settings/variables-of.js';
import { api } from './api.js';
import { gateway } from './gateway.js';
import { grpc } from './grpc.js';
import { indexer } from './indexer.js';
import { relay } from './relay/relay.js';
import type { Role } from './role.js';
import { worker } from './worker.js';

const all = [worker, api, gateway, grpc, relay, indexer] as const;

export type RoleName = (typeof all)[number]['name'];
export const roleVariables = variablesOf(all);
export type RoleValues = Values<typeof roleVariables>;

/** A role without the types of its own settings: it is composed with the settings of all roles. */
export type AnyRole = Omit<Role<RoleName, typeof roleVariables>, 'variables'>;
export const roles: readonly AnyRole[] = all;
export const roleNames: readonly RoleName[] = roles.map(({ name }) => name);

/** The roles with these names, each once. Throws a `StartupError` if there is no such role. */
export function rolesNamed(names: readonly string[]): AnyRole[] {
  const unknown = names.filter((name) => !roles.some((role) => role.name === name));
  if (unknown.length > 0)
    throw new StartupError([`unknown role ${unknown.join(', ')}; the roles are ${roleNames.join(', ')}`]);
  return [...new Set(names)].flatMap((name) => roles.filter((role) => role.name === name));
}
