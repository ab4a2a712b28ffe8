/** The transport as the roles see it: RabbitMQ, or, in `dev` without it, in process. */

import { watchTransport } from '../../adapters/telemetry/transport-metrics.js';
import { AmqpTransport } from '../../adapters/transports/amqp/amqp-transport.js';
import { InProcessTransport } from '../../adapters/transports/in-process/in-process-transport.js';
import type {
  CommandGateway,
  CommandSource,
  DeadLetters,
  EventSink,
  ReceiptSender,
} from '../../application/ports/transport.js';
import type { TransportState } from '../../application/ports/transport-state.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { rethrowAsStartupError } from '../../infrastructure/process/startup-error.js';
import type { ProcessBasics } from '../observability.js';
import { type Settings, topologySettings } from '../settings.js';

export interface Transport extends Service {
  source: CommandSource;
  sink: EventSink;
  receipts: ReceiptSender;
  deadLetters: DeadLetters;
  gateway: CommandGateway;
  health(): { ok: boolean; detail?: string };
  /** Called whenever it can be subscribed to again. */
  onReady(listener: () => void): void;
  queueDepths(): ReadonlyMap<number, number>;
}

/** RabbitMQ: declares its objects and puts the hash ring in order before anything is consumed. */
export function amqpTransport(
  url: string,
  settings: Settings,
  { logger, health, metrics }: ProcessBasics,
  store: { transportState: TransportState; identity: { storeId: string } },
  workerId: string,
): Transport {
  const amqp = new AmqpTransport({
    ...{ url, workerId, logger, topology: topologySettings(settings), state: store.transportState },
    storeId: () => store.identity.storeId,
  });
  health.add('broker', () => amqp.health());
  watchTransport(metrics.meter, amqp.counters);
  return {
    name: 'broker',
    // However long the broker is away, this waits: with a refused login or a fault of its objects it does not.
    start: () =>
      amqp.start().catch(async (error: unknown) => {
        await amqp.stop();
        rethrowAsStartupError(error);
      }),
    stop: () => amqp.stop(),
    interrupt: () => void amqp.stop(),
    source: amqp.source,
    sink: amqp.sink,
    receipts: amqp.receipts,
    deadLetters: amqp.deadLetters,
    gateway: amqp.gateway,
    health: () => amqp.health(),
    onReady: (listener) => void amqp.onReady(listener),
    queueDepths: () => amqp.queueDepths(),
  };
}

/** No broker: everything in this process, nothing kept over a restart but what is in the database. */
export function inProcessTransport(settings: Settings, { logger, health }: ProcessBasics, workerId: string): Transport {
  const transport = new InProcessTransport({ partitions: settings.partitions, workerId, logger });
  health.add('broker', () => ({ ok: true, detail: 'in process' }));
  return {
    name: 'in-process transport',
    start: () => transport.start(),
    stop: () => transport.stop(),
    source: transport.source,
    sink: transport.sink,
    receipts: transport.receipts,
    deadLetters: transport.deadLetters,
    gateway: transport.gateway,
    health: () => ({ ok: true }),
    onReady: () => undefined, // never away
    queueDepths: () => transport.queueDepths(),
  };
}
