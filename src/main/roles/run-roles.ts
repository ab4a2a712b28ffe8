import type { Failpoints } from '../../application/runtime/failpoints.js';
import { runServices } from '../../infrastructure/process/service-runner.js';
import { compileWebAssemblyInOneThread, limitHeapGrowth } from '../../infrastructure/process/v8-tuning.js';
import { OpsService, processBasics } from '../observability.js';
import { requireSettings } from '../settings.js';
import { policyService } from './policy.js';
import { rolesOf } from './role-names.js';
import { StoreService } from './store.js';
import { amqpTransport } from './transport.js';
import { newWorkerId, workerRole } from './worker-role.js';

/**
 * A worker has some 40 MB alive under load, and what it makes besides is garbage within a batch or two. Left to itself
 * its heap grew on and on
 * while events could not be published, to four times that, and stayed there.
 */
const WORKER_HEAP_GROWTH_PERCENT = 80;

/**
 * Runs roles in this process, on the database and the broker that the environment names. `steps` is for the fault
 * tests.
 */
export async function runRoles(names: readonly string[], steps?: Failpoints): Promise<void> {
  const roles = rolesOf(names);
  compileWebAssemblyInOneThread();
  if (roles.includes('worker')) limitHeapGrowth(WORKER_HEAP_GROWTH_PERCENT);
  const settings = requireSettings(...roles);
  const { databaseUrl = '', amqpUrl = '', opsPort, host = '0.0.0.0' } = settings;
  const basics = processBasics(settings, roles.join('+'));
  const workerId = newWorkerId();
  const store = new StoreService(settings, basics, databaseUrl, 'amqp');
  const transport = amqpTransport(amqpUrl, settings, basics, store, workerId);
  const policy = policyService(settings, basics, store);
  // A worker neither waits for what REST needs nor has it in memory.
  const api = roles.includes('api') ? await import('./api-role.js') : null;
  const context = { ...basics, settings, store, transport, policy: policy.current, quotas: policy.quotas };
  await runServices(
    [
      new OpsService(basics, opsPort, host),
      store,
      policy,
      transport,
      ...roles.flatMap((role) =>
        role === 'worker' ? workerRole(context, workerId, steps) : (api?.apiRole(context, host) ?? []),
      ),
    ],
    { logger: basics.logger },
  );
}
