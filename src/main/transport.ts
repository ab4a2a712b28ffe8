/** The transport as the roles see it: RabbitMQ, or, in `dev` without it, in process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AmqpTransport } from '../adapters/amqp/amqp-transport.js';
import { InProcessTransport } from '../adapters/in-process/in-process-transport.js';
import type { PartitionRegistry } from '../application/ports/partition-registry.js';
import type {
  CommandDoor,
  CommandSource,
  DeadLetters,
  EventSink,
  ReceiptSender,
} from '../application/ports/transport.js';
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
  { logger, health }: ProcessBasics,
  registry: PartitionRegistry,
  workerId: string,
): Transport {
  const amqp = new AmqpTransport({ url, workerId, topology: topologySettings(settings), registry, logger });
  health.add('broker', () => amqp.health());
  return {
    name: 'broker',
    // However long the broker is away, this waits: with a fault of its objects it does not.
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
  // Without a store there is nobody to share the repair of the ring with: one at a time is all this stands for.
  const registry = {
    repairRing: async (needed: () => Promise<boolean>, repair: (generation: number) => Promise<void>) => {
      if (await needed()) await repair(0);
    },
  };
  const probe = new AmqpConnection({ url, name: 'parley topology', logger });
  await inTime(probe, REACH_TIMEOUT_MS, () => `no broker within ${REACH_TIMEOUT_MS} ms: ${lastWord}`);
  const amqp = new AmqpTransport({ url, workerId: 'topology', topology: topologySettings(settings), registry, logger });
  await inTime(amqp, DECLARE_TIMEOUT_MS, () => `not declared within ${DECLARE_TIMEOUT_MS} ms: ${lastWord}`);
}

/** Starts it, and stops it again however that ended. */
async function inTime(part: Pick<Service, 'start' | 'stop'>, timeoutMs: number, failure: () => string): Promise<void> {
  const deadline = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(failure());
  });
  try {
    await Promise.race([part.start(), late]);
  } finally {
    deadline.abort();
    late.catch(() => undefined); // aborted
    await part.stop();
  }
}
