/** The transport as the roles see it: RabbitMQ, or, in `dev` without it, in process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AmqpTransport } from '../adapters/amqp/amqp-transport.js';
import { declareTopology } from '../adapters/amqp/declare-topology.js';
import { InProcessTransport } from '../adapters/in-process/in-process-transport.js';
import { watchTransport } from '../adapters/telemetry/transport-metrics.js';
import type { PartitionRegistry } from '../application/ports/partition-registry.js';
import type {
  CommandDoor,
  CommandSource,
  DeadLetters,
  EventSink,
  ReceiptSender,
} from '../application/ports/transport.js';
import { topology } from '../contract/topology.js';
import { AmqpConnection } from '../infrastructure/amqp-connection.js';
import type { Logger } from '../infrastructure/logger.js';
import type { Service } from '../infrastructure/process-life.js';
import { rethrowAsStartFault } from '../infrastructure/start-fault.js';
import type { ProcessBasics } from './process-basics.js';
import { type Settings, topologySettings } from './settings.js';

export interface Transport extends Service {
  source: CommandSource;
  sink: EventSink;
  receipts: ReceiptSender;
  deadLetters: DeadLetters;
  door: CommandDoor;
  health(): { ok: boolean; detail?: string };
  queueDepths(): ReadonlyMap<number, number>;
}

/** How long `topology --declare` looks for a broker, and how long a found one may take: a thousand quorum queues are slow. */
const REACH_TIMEOUT_MS = 5_000;
const DECLARE_TIMEOUT_MS = 120_000;

/** RabbitMQ: declares its objects and puts the hash ring in order before anything is consumed. */
export function amqpTransport(
  url: string,
  settings: Settings,
  { logger, health, metrics }: ProcessBasics,
  registry: PartitionRegistry,
  workerId: string,
): Transport {
  const amqp = new AmqpTransport({ url, workerId, topology: topologySettings(settings), registry, logger });
  health.add('broker', () => amqp.health());
  watchTransport(metrics.meter, amqp.counters);
  return {
    name: 'broker',
    // However long the broker is away, this waits: with a refused login or a fault of its objects it does not.
    start: () =>
      amqp.start().catch(async (error: unknown) => {
        await amqp.stop();
        rethrowAsStartFault(error);
      }),
    stop: () => amqp.stop(),
    interrupt: () => void amqp.stop(),
    source: amqp.source,
    sink: amqp.sink,
    receipts: amqp.receipts,
    deadLetters: amqp.deadLetters,
    door: amqp.door,
    health: () => amqp.health(),
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
    door: transport.door,
    health: () => ({ ok: true }),
    queueDepths: () => transport.queueDepths(),
  };
}

/** Declares the broker's objects and is gone. Rejects with one line for people. */
export async function declareOnce(url: string, settings: Settings): Promise<void> {
  let lastWord = 'nobody answers';
  const remember: Logger['warn'] = (_message, fields) => {
    const error = fields?.error;
    if (error !== undefined) lastWord = error instanceof Error ? error.message : String(error);
  };
  const logger: Logger = { debug: () => undefined, info: () => undefined, warn: remember, error: remember };
  const connection = new AmqpConnection({ url, name: 'parley topology', logger });
  try {
    await inTime(connection.start(), REACH_TIMEOUT_MS, () => `no broker within ${REACH_TIMEOUT_MS} ms: ${lastWord}`);
    // The hash ring is left alone: only the workers, through the store, can tell whether it needs mending, and tell each other.
    const declared = declareTopology(connection.current(), topology(topologySettings(settings)));
    await inTime(declared, DECLARE_TIMEOUT_MS, () => `not declared within ${DECLARE_TIMEOUT_MS} ms: ${lastWord}`);
  } finally {
    await connection.stop();
  }
}

/** Rejects with `failure` where the work takes longer. */
async function inTime(work: Promise<unknown>, timeoutMs: number, failure: () => string): Promise<void> {
  const deadline = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(failure());
  });
  try {
    await Promise.race([work, late]);
  } finally {
    deadline.abort();
    late.catch(() => undefined); // aborted
    work.catch(() => undefined); // nobody waits for it any more
  }
}
