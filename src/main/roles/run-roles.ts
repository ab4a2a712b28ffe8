import type { Failpoints } from '../../application/runtime/failpoints.js';
import { runServices, type Service } from '../../infrastructure/process/service-runner.js';
import { compileWebAssemblyInOneThread, limitHeapGrowth } from '../../infrastructure/process/v8-tuning.js';
import { OpsService, processBasics } from '../observability.js';
import { requireSettings } from '../settings.js';
import { policyService } from './policy.js';
import { relayRole } from './relay-role.js';
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
  // A relay needs no broker, and follows the log wherever its chats are placed.
  const needsBroker = roles.some((role) => role !== 'relay');
  const store = new StoreService(settings, basics, databaseUrl, 'ring', needsBroker);
  const policy = policyService(settings, basics, store);
  // A worker neither waits for what REST needs nor has it in memory.
  const api = roles.includes('api') ? await import('./api-role.js') : null;
  const context = { ...basics, settings, store, policy: policy.current, quotas: policy.quotas };
  const services: Service[] = [new OpsService(basics, opsPort, host), store, policy];
  if (needsBroker) {
    const transport = amqpTransport(amqpUrl, settings, basics, store, workerId);
    services.push(transport);
    if (roles.includes('worker')) services.push(workerRole({ ...context, transport }, workerId, steps));
    if (api !== null) services.push(api.apiRole({ ...context, transport }, host));
  }
  if (roles.includes('relay')) services.push(relayRole(context, workerId, steps));
  await runServices(services, { logger: basics.logger });
}
