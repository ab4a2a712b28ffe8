import type { Failpoints } from '../../application/runtime/failpoints.js';
import { runServices, type Service } from '../../infrastructure/process/service-runner.js';
import { compileWebAssemblyInOneThread, limitHeapGrowth } from '../../infrastructure/process/v8-tuning.js';
import { OpsService, processBasics } from '../observability.js';
import { policyService } from '../policy/policy-service.js';
import { requireSettings } from '../settings.js';
import { storeKind } from '../stores/registry.js';
import { DEFAULT_TRANSPORT, transportKind } from '../transports/registry.js';
import { HttpPort } from './http-port.js';
import { rolesNamed } from './registry.js';
import { newWorkerId } from './worker-id.js';

/** Runs roles in this process, with the store and transport of the settings. `failpoints` is for the fault tests. */
export async function runRoles(names: readonly string[], failpoints?: Failpoints): Promise<void> {
  const roles = rolesNamed(names);
  compileWebAssemblyInOneThread();
  const heapGrowths = roles.flatMap(({ heapGrowthPercent = [] }) => heapGrowthPercent);
  if (heapGrowths.length > 0) limitHeapGrowth(Math.min(...heapGrowths));
  const settings = requireSettings(...roles.map(({ name }) => name));
  const { opsPort, host = '0.0.0.0' } = settings;
  const basics = processBasics(settings, roles.map(({ name }) => name).join('+'));
  const workerId = newWorkerId();
  const kinds = { store: storeKind(settings.store), transport: transportKind(settings.transport ?? DEFAULT_TRANSPORT) };
  const usesTransport = roles.some((role) => role.usesTransport !== false);
  const store = await kinds.store.open({
    ...{ settings, basics, placement: kinds.transport.placement },
    address: kinds.store.address?.of(settings) ?? '',
    // Without a transport, it does not matter which one has assigned the chats.
    acceptsOtherPlacement: !usesTransport,
  });
  const transport = usesTransport
    ? await kinds.transport.open({
        ...{ settings, basics, store, workerId },
        address: kinds.transport.address?.of(settings) ?? '',
      })
    : null;
  const policy = policyService(settings, basics, store);
  const { current, quotas } = policy;
  const http = new HttpPort({ port: settings.port, host, logger: basics.logger });
  const context = {
    ...{ ...basics, settings, store, policy: current, quotas, workerId, host, http, failpoints },
    get transport() {
      if (transport === null) throw new Error(`none of these roles uses a transport: ${names.join(', ')}`);
      return transport;
    },
  };
  const services: Service[] = [new OpsService(basics, opsPort, host), store, policy];
  if (transport !== null) services.push(transport);
  for (const role of roles) {
    const parts = await role.compose(context);
    basics.health.add(parts.health.name, parts.health.check);
    services.push(...parts.services);
  }
  services.push(http);
  await runServices(services, { logger: basics.logger });
}
