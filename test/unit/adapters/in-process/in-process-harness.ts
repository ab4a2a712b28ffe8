import { inProcessCapabilities } from '../../../../src/adapters/transports/in-process/in-process-capabilities.js';
import { InProcessTransport } from '../../../../src/adapters/transports/in-process/in-process-transport.js';
import type { TransportHarness } from '../../../conformance/transport/transport-conformance.js';
import { collectedLog } from '../../../support/collected-log.js';

export function inProcess(partitions: number) {
  const log = collectedLog();
  return { transport: new InProcessTransport({ partitions, workerId: 'worker-1', logger: log.logger }), log };
}

export const inProcessHarness: TransportHarness = {
  capabilities: inProcessCapabilities,
  open: async ({ partitions }) => {
    const { transport } = inProcess(partitions);
    await transport.start();
    const events: { id: string; body: string }[] = [];
    transport.onEvent(({ id, body }) => events.push({ id, body: Buffer.from(body).toString() }));
    return {
      source: transport.source,
      sink: transport.sink,
      live: transport.live,
      receipts: transport.receipts,
      deadLetters: transport.deadLetters,
      door: transport.gateway,
      publish: async (incoming) => transport.publish(incoming),
      events: () => events,
      deadLettered: () => transport.keptDeadLetters(),
      ignoredReceipts: () => transport.ignoredReceipts,
      stop: () => transport.stop(),
      close: () => transport.stop(),
    };
  },
};
