import { topology } from '../contract/topology.js';
import { rethrowAsStartFault, StartFault } from '../infrastructure/start-fault.js';
import { requireSettings, topologySettings } from './settings.js';
import { declareOnce } from './transport.js';

export type TopologyFormat = 'definitions' | 'table';

/** Prints the broker's objects, or declares what is missing; never deletes or redefines. */
export async function runTopology({ format, declare }: { format: TopologyFormat; declare?: boolean }): Promise<void> {
  const settings = requireSettings('topology');
  if (declare) {
    if (settings.amqpUrl === undefined) throw new StartFault(['AMQP_URL is required']);
    await declareOnce(settings.amqpUrl, settings).catch(rethrowAsStartFault);
  }
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
