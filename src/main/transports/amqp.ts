import { amqpCapabilities } from '../../adapters/transports/amqp/amqp-capabilities.js';
import { variable } from '../../infrastructure/config/config.js';
import { url } from '../../infrastructure/config/config-values.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';
import { topologySettings } from '../settings/topology-settings.js';
import { defineTransport, type TransportOptions, type TransportService } from './transport.js';

/** RabbitMQ. */
export const amqp = defineTransport({
  name: 'amqp',
  capabilities: amqpCapabilities,
  placement: 'amqp',
  variables: {
    amqpUrl: variable({
      name: 'AMQP_URL',
      parse: url('amqp', 'amqps'),
      describe:
        'RabbitMQ connection URL. If unset: dev starts a private node in DATA_DIR if RabbitMQ is installed, else it uses the in-process transport',
    }),
  },
  address: { variable: 'AMQP_URL', of: ({ amqpUrl }) => amqpUrl },
  open: openAmqpTransport,
});

/** Declares its objects and repairs the hash ring before anything is consumed. */
async function openAmqpTransport(options: TransportOptions): Promise<TransportService> {
  const { AmqpTransport } = await import('../../adapters/transports/amqp/amqp-transport.js');
  const { watchLiveFeed, watchTransport } = await import('../../adapters/telemetry/transport-metrics.js');
  const { address, settings, basics, store, workerId } = options;
  const { logger, health, metrics } = basics;
  const transport = new AmqpTransport({
    ...{ url: address, workerId, logger, topology: topologySettings(settings), state: store.transportState },
    storeId: () => store.identity.storeId,
  });
  health.add('broker', () => transport.health());
  watchTransport(metrics.meter, transport.counters);
  watchLiveFeed(metrics.meter, transport.live.counters);
  return {
    name: 'broker',
    // Waits while the broker is unavailable. A rejected login or an unusable broker object ends the start.
    start: () =>
      transport.start().catch(async (error: unknown) => {
        await transport.stop();
        rethrowAsStartupError(error);
      }),
    stop: () => transport.stop(),
    interrupt: () => void transport.stop(),
    source: transport.source,
    sink: transport.sink,
    live: transport.live,
    ephemeral: transport.ephemeral,
    receipts: transport.receipts,
    deadLetters: transport.deadLetters,
    gateway: transport.gateway,
    health: () => transport.health(),
    onReady: (listener) => void transport.onReady(listener),
    queueDepths: () => transport.queueDepths(),
  };
}
