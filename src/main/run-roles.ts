import type { StepListener } from '../application/worker/steps.js';
import { runServices } from '../infrastructure/process-life.js';
import { policyService } from './policy.js';
import { OpsService, processBasics } from './process-basics.js';
import { rolesOf } from './role-names.js';
import { apiRole, newWorkerId, workerRole } from './roles.js';
import { requireSettings } from './settings.js';
import { StoreService } from './store.js';
import { amqpTransport } from './transport.js';

/** Runs roles in this process, on the database and the broker that the environment names. `steps` is for the fault tests. */
export async function runRoles(names: readonly string[], steps?: StepListener): Promise<void> {
  const roles = rolesOf(names);
  const settings = requireSettings(...roles);
  const { databaseUrl = '', amqpUrl = '', opsPort, host = '0.0.0.0' } = settings;
  const basics = processBasics(settings, roles.join('+'));
  const workerId = newWorkerId();
  const store = new StoreService(settings, basics, databaseUrl, 'ring');
  const transport = amqpTransport(amqpUrl, settings, basics, store.registry, workerId);
  const policy = policyService(settings, basics, store);
  const context = { ...basics, settings, store, transport, policy: policy.current, quotas: policy.quotas };
  await runServices(
    [
      new OpsService(basics, opsPort, host),
      store,
      policy,
      transport,
      ...roles.map((role) => (role === 'worker' ? workerRole(context, workerId, steps) : apiRole(context, host))),
    ],
    { logger: basics.logger },
  );
}
