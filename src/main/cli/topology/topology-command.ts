import { topology } from '../../../contract/messages/topology.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { topologySettings } from '../../settings/topology-settings.js';
import { requireSettings } from '../../settings.js';

export type TopologyFormat = 'definitions' | 'table';

export interface TopologyRequest {
  format: TopologyFormat;
  declare?: boolean;
  repair?: boolean;
  check?: boolean;
  all?: boolean;
  adopt?: boolean;
  unbind?: string;
  yes?: boolean;
}

/**
 * Prints the broker's objects; or declares, checks or adopts them, for which it needs the database too; or unbinds a
 * queue.
 */
export async function runTopology({ format, ...request }: TopologyRequest): Promise<void> {
  const acts = (['declare', 'repair', 'check', 'adopt', 'unbind'] as const).filter((act) => request[act] !== undefined);
  if (acts.length > 1) throw new StartupError([`${acts.map((act) => `--${act}`).join(' and ')} exclude each other`]);
  if (request.check === true)
    return (await import('./topology-check-command.js')).runTopologyCheck({ checksAll: request.all === true });
  if (request.unbind !== undefined)
    return (await import('./topology-unbind-command.js')).runUnbind({ queue: request.unbind });
  if (request.adopt === true)
    return (await import('./topology-adopt-command.js')).runAdopt({ isConfirmed: request.yes === true });
  if (request.declare === true || request.repair === true)
    await (await import('./topology-declare-command.js')).declareOnce({ repairsRing: request.repair === true });
  const settings = requireSettings('command');
  console.log(format === 'table' ? table(topologySettings(settings)) : definitions(topologySettings(settings)));
}

/** As `rabbitmqctl import_definitions` reads it. */
function definitions(settings: ReturnType<typeof topologySettings>): string {
  const { exchanges, queues, bindings } = topology(settings);
  const vhost = '/';
  return JSON.stringify(
    {
      exchanges: exchanges.map(({ name, type }) => ({
        name,
        vhost,
        type,
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: {},
      })),
      queues: queues.map((queue) => ({
        name: queue.name,
        vhost,
        durable: true,
        auto_delete: false,
        arguments: queue.arguments,
      })),
      bindings: bindings.map(({ source, destination, destinationType, routingKey }) => ({
        ...{ source, vhost, destination, destination_type: destinationType, routing_key: routingKey },
        arguments: {},
      })),
    },
    null,
    2,
  );
}

function table(settings: ReturnType<typeof topologySettings>): string {
  const { exchanges, queues, bindings } = topology(settings);
  const rows = [
    ...exchanges.map(({ name, type }) => ['exchange', name, type]),
    ...queues.map((queue) => [
      'queue',
      queue.name,
      Object.entries(queue.arguments)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
    ]),
    ...bindings.map(({ source, destination, routingKey }) => ['binding', source, `→ ${destination} (${routingKey})`]),
  ];
  const nameWidth = Math.max(...rows.map(([, name = '']) => name.length));
  return rows
    .map(([kind = '', name = '', rest = '']) => `${kind.padEnd(8)}  ${name.padEnd(nameWidth)}  ${rest}`)
    .join('\n');
}
