import { inProcessCapabilities } from '../../adapters/transports/in-process/in-process-capabilities.js';
import { defineTransport, type TransportOptions, type TransportService } from './transport.js';

/** Needs no broker. Commands arrive over REST only, and are lost when the process ends. */
export const inProcess = defineTransport({
  name: 'in-process',
  capabilities: inProcessCapabilities,
  placement: 'in-process',
  variables: {},
  address: null,
  open: openInProcessTransport,
});

async function openInProcessTransport(options: TransportOptions): Promise<TransportService> {
  const { InProcessTransport } = await import('../../adapters/transports/in-process/in-process-transport.js');
  const { watchLiveFeed } = await import('../../adapters/telemetry/transport-metrics.js');
  const { settings, basics, workerId } = options;
  const { logger, health, metrics } = basics;
  const transport = new InProcessTransport({ partitions: settings.partitions, workerId, logger });
  health.add('broker', () => ({ ok: true, detail: 'in process' }));
  watchLiveFeed(metrics.meter, transport.live.counters);
  return {
    name: 'in-process transport',
    start: () => transport.start(),
    stop: () => transport.stop(),
    source: transport.source,
    sink: transport.sink,
    live: transport.live,
    ephemeral: transport.ephemeral,
    receipts: transport.receipts,
    deadLetters: transport.deadLetters,
    gateway: transport.gateway,
    health: () => ({ ok: true }),
    onReady: () => undefined, // It is always connected.
    queueDepths: () => transport.queueDepths(),
  };
}
