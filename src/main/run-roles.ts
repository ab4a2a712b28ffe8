import type { StepListener } from '../application/worker/steps.js';
import { runServices } from '../infrastructure/process-life.js';
import { StartFault } from '../infrastructure/start-fault.js';
import { OpsService, processBasics } from './process-basics.js';
import { apiRole, newWorkerId, workerRole } from './roles.js';
import { requireSettings } from './settings.js';
import { StoreService } from './store.js';
import { amqpTransport } from './transport.js';

const ROLES = ['worker', 'api'] as const;
export type Role = (typeof ROLES)[number];

function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}

/** The roles of these names, each once; a `StartFault` where there is no such role. */
export function rolesOf(names: readonly string[]): Role[] {
  const unknown = names.filter((name) => !isRole(name));
  if (unknown.length > 0)
    throw new StartFault([`no role is called ${unknown.join(', ')}; there are ${ROLES.join(', ')}`]);
  return [...new Set(names.filter(isRole))];
}

/** Runs roles in this process, on the database and the broker that the environment names. `steps` is for the fault tests. */
export async function runRoles(names: readonly string[], steps?: StepListener): Promise<void> {
  const roles = rolesOf(names);
  const settings = requireSettings(...roles);
  const { databaseUrl = '', amqpUrl = '', opsPort, host = '0.0.0.0' } = settings;
  const basics = processBasics(settings, roles.join('+'));
  const workerId = newWorkerId();
  const store = new StoreService(settings, basics, databaseUrl, 'ring');
  const transport = amqpTransport(amqpUrl, settings, basics, store.registry, workerId);
  const context = { ...basics, settings, store, transport };
  await runServices(
    [
      new OpsService(basics, opsPort, host),
      store,
      transport,
      ...roles.map((role) => (role === 'worker' ? workerRole(context, workerId, steps) : apiRole(context, host))),
    ],
    { logger: basics.logger },
  );
}
