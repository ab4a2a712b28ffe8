/** All environment variables that Parley reads. A test compares them with `.env.example`. */
import { readConfig, type Values } from '../infrastructure/config/config.js';
import { StartupError } from '../infrastructure/process/startup-error.js';
import { DATABASE, missing, type Need } from './roles/needs.js';
import { type RoleName, roles, roleVariables } from './roles/registry.js';
import { sharedVariables } from './settings/shared-settings.js';
import { faultsOfDispatchQueues } from './settings/topology-settings.js';
import { storeKind, storeKinds } from './stores/registry.js';
import { DEFAULT_TRANSPORT, transportKind, transportKinds } from './transports/registry.js';

export const variables = { ...sharedVariables, ...roleVariables };

export type Settings = Values<typeof variables>;

/**
 * What the settings are for: a role; `dev`, which starts what is not set; `database`, a command that needs the
 * database; `command`, any other command.
 */
export type Purpose = RoleName | 'dev' | 'database' | 'command';

function needsOf(purpose: Purpose): readonly Need<Settings>[] {
  if (purpose === 'database') return [DATABASE];
  return roles.find(({ name }) => name === purpose)?.needs ?? [];
}

/** All settings with their sources, and all their faults for these purposes, one line each. */
export function readSettings(purposes: readonly Purpose[]) {
  const { values, entries, faults: unreadable } = readEnvironment();
  const isGiven = (name: string) => entries.some((entry) => entry.name === name && entry.source !== 'unset');
  const faults = [...unreadable, ...new Set(purposes.flatMap((purpose) => missing(needsOf(purpose), values, isGiven)))];
  if (unreadable.length === 0) faults.push(...faultsOfDispatchQueues(values));
  if (isGiven('JWT_SECRET') && isGiven('JWT_JWKS_URL')) faults.push('JWT_SECRET and JWT_JWKS_URL exclude each other');
  const isForRole = purposes.some((purpose) => roles.some(({ name }) => name === purpose));
  if (isForRole) faults.push(...faultsOfUnshared(values));
  if (purposes.includes('dev')) faults.push(...faultsOfDev(values, isGiven));
  return { settings: values, entries, faults };
}

/** Roles run in several processes. */
function faultsOfUnshared({ store, transport = DEFAULT_TRANSPORT }: Settings): string[] {
  const faults: string[] = [];
  if (!storeKind(store).capabilities.shared)
    faults.push(`STORE=${store} is for dev: a worker and an api share a database`);
  if (!transportKind(transport).capabilities.shared)
    faults.push(`TRANSPORT=${transport} is for dev: a worker and an api share a broker`);
  return faults;
}

function faultsOfDev({ store, transport }: Settings, isGiven: (name: string) => boolean): string[] {
  const faults: string[] = [];
  const exclude = (choice: string, all: readonly { name: string; address: { variable: string } | null }[]) => {
    const [variable, name] = choice.split('=');
    if (all.find((kind) => kind.name === name)?.address !== null) return;
    for (const { address } of all)
      if (address !== null && isGiven(address.variable))
        faults.push(`${variable}=${name} and ${address.variable} exclude each other`);
  };
  exclude(`STORE=${store}`, storeKinds);
  if (transport !== undefined) exclude(`TRANSPORT=${transport}`, transportKinds);
  const keepsCommands = transportKind(transport ?? DEFAULT_TRANSPORT).capabilities.durable;
  if (!storeKind(store).capabilities.durable && keepsCommands) {
    const others = transportKinds.filter(({ capabilities }) => !capabilities.durable).map(({ name }) => name);
    faults.push(
      `STORE=${store} needs TRANSPORT=${others.join(' or ')}: a broker would keep commands for a store that is gone`,
    );
  }
  return faults;
}

function readEnvironment() {
  try {
    return readConfig(variables);
  } catch (error) {
    throw new StartupError([`.env cannot be read: ${(error as Error).message}`], { cause: error });
  }
}

/** Settings for these purposes, or a `StartupError` with one line for each fault. */
export function requireSettings(...purposes: Purpose[]): Settings {
  const { settings, faults } = readSettings(purposes);
  if (faults.length > 0) throw new StartupError(faults);
  return settings;
}
