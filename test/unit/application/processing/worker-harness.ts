/**
 * One worker in this process: the real application on the in-memory store and the in-process transport, both of which
 * can misbehave.
 */

import { MemoryQuotas } from '../../../../src/adapters/quotas/memory-quotas.js';
import { MemoryCommandStore } from '../../../../src/adapters/stores/memory/memory-command-store.js';
import { MemoryDecisionLog } from '../../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryEventLog } from '../../../../src/adapters/stores/memory/memory-event-log.js';
import { MemoryPartitionRegistry } from '../../../../src/adapters/stores/memory/memory-partition-registry.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { InProcessTransport } from '../../../../src/adapters/transports/in-process/in-process-transport.js';
import { Worker } from '../../../../src/application/coordinator/worker.js';
import { LiveCopies } from '../../../../src/application/outbox/live-copies.js';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import type { PolicyDecisionPoint } from '../../../../src/application/ports/policy-decision-point.js';
import type { Quotas } from '../../../../src/application/ports/quotas.js';
import type { StoreError } from '../../../../src/application/ports/store/command-store.js';
import type { TokenVerifier } from '../../../../src/application/ports/token-verifier.js';
import type { EventSink, OutgoingEvent } from '../../../../src/application/ports/transport/transport.js';
import { NO_OBSERVER, type WorkerObserver } from '../../../../src/application/ports/worker-observer.js';
import { BatchExecutor } from '../../../../src/application/processing/execution/batch-executor.js';
import { CommandDecider } from '../../../../src/application/processing/execution/command-decider.js';
import { realTime, type Time } from '../../../../src/application/runtime/time.js';
import { identifyCommand } from '../../../../src/contract/messages/decode-command.js';
import type { IncomingCommand } from '../../../../src/contract/messages/delivery.js';
import type { Receipt } from '../../../../src/contract/messages/receipts.js';
import { collectedLog } from '../../../support/collected-log.js';
import { eventually } from '../../../support/eventually.js';
import { defaultPolicy } from '../../../support/policies/default-policy.js';
import type { Draft } from '../commands/decider-harness.js';
import { FailingSource, FailingStore } from './failing-ports.js';

export const MAX_COMMAND_ATTEMPTS = 3;
export const RETENTION_MS = 60_000;
export const DECISION_RETENTION_MS = 300_000;
export const RECIPIENTS_MAX = 256;
const WITHIN_MS = 10_000;

export interface WorkerHarnessOptions {
  partitions?: number;
  verifier?: TokenVerifier | null;
  tokenGraceSeconds?: number;
  decider?: CommandDecider;
  /** Default: the one that comes with Parley. */
  policy?: PolicyDecisionPoint;
  /** Default: none. */
  quotas?: Quotas;
  sink?: EventSink;
  /** Of an earlier worker; default: a new one. */
  world?: MemoryTables;
  /** How far the worker's clock is ahead. */
  clockAheadMs?: number;
  /** What its pauses are drawn by. */
  random?: () => number;
  /** How it waits. */
  pause?: Time['pause'];
}

export function incomingOf({ type, body, commandId, properties }: Draft): IncomingCommand {
  return {
    body: Buffer.from(JSON.stringify(body)),
    routingKey: body.chatId ?? body.actorId,
    type,
    messageId: commandId,
    contentType: 'application/json',
    replyTo: 'chat.replies.test',
    headers: {},
    ...properties,
  };
}

export function newDecider(policy: PolicyDecisionPoint = defaultPolicy()): CommandDecider {
  return new CommandDecider(new PolicyEnforcementPoint(policy));
}

export class WorkerHarness {
  readonly world: MemoryTables;
  readonly registry: MemoryPartitionRegistry;
  readonly store: FailingStore;
  readonly transport: InProcessTransport;
  readonly source: FailingSource;
  readonly worker: Worker;
  readonly log = collectedLog();
  /** In the order in which they were sent. */
  readonly receipts: Receipt[] = [];
  /** Every copy, in the order of publishing. */
  readonly events: OutgoingEvent[] = [];
  /** Reported states of the store. True: in trouble; false: recovered. */
  readonly troubles: boolean[] = [];
  /** What the observer heard, in order: `leaseAcquired 0`, `failed refused`, … */
  readonly told: string[] = [];
  /** Whether the transport reports that it is connected. */
  isTransportReady = true;
  private constructor(options: WorkerHarnessOptions) {
    const { partitions = 1, verifier = null, tokenGraceSeconds = 0, policy = defaultPolicy() } = options;
    const { decider = newDecider(policy) } = options;
    const { logger } = this.log;
    this.world = options.world ?? new MemoryTables();
    this.registry = new MemoryPartitionRegistry(this.world);
    const now = () => new Date(Date.now() + (options.clockAheadMs ?? 0));
    this.store = new FailingStore(new MemoryCommandStore(this.world, () => now().getTime()));
    this.transport = new InProcessTransport({ partitions, workerId: 'harness', logger });
    this.transport.onEvent((event) => this.events.push(event));
    this.source = new FailingSource(this.transport.source);
    const observer = this.observer();
    const time: Time = {
      ...realTime,
      now,
      random: options.random ?? realTime.random,
      pause: options.pause ?? realTime.pause,
    };
    const onStoreTrouble = (error: StoreError | null) => this.troubles.push(error !== null);
    const { store, world, registry } = this;
    const executorDeps = { store, decider, observer, logger, time, onStoreTrouble };
    const executor = new BatchExecutor({ ...executorDeps, maxCommandAttempts: MAX_COMMAND_ATTEMPTS });
    const log = new MemoryEventLog(world);
    const sink = options.sink ?? this.transport.sink;
    this.worker = new Worker({
      ...{
        workerId: 'harness',
        partitions,
        receiptRetentionMs: RETENTION_MS,
        registry,
        store,
        source: this.source,
      },
      ...{ decisions: new MemoryDecisionLog(world), decisionRetentionMs: DECISION_RETENTION_MS },
      receipts: { send: (_replyTo, _correlationId, receipt) => this.receipts.push(receipt) },
      deadLetters: this.transport.deadLetters,
      executor,
      reader: { identify: identifyCommand, verifier, tokenGraceSeconds },
      quotas: options.quotas ?? new MemoryQuotas([]),
      publisher: {
        ...{ log, sink, live: new LiveCopies(this.transport.live), policy, observer, logger, time },
        render: { storeId: world.storeId, recipientsMax: RECIPIENTS_MAX },
      },
      ...{ observer, logger, time, isTransportReady: () => this.isTransportReady },
    });
  }

  /** The worker owns every partition when this resolves. */
  static async open(options: WorkerHarnessOptions = {}): Promise<WorkerHarness> {
    const harness = new WorkerHarness(options);
    const { partitions = 1 } = options;
    await harness.registry.settle({ namespace: 'chat', partitions });
    await harness.transport.start();
    harness.worker.start();
    await harness.until('the worker owns its partitions', () =>
      harness.worker.status.partitions.every(({ epoch }) => epoch !== null),
    );
    return harness;
  }

  async close(): Promise<void> {
    await this.worker.stop();
    await this.transport.stop();
  }

  /** All at once: what fits goes into one batch. */
  publish(...drafts: Draft[]): void {
    for (const draft of drafts) this.transport.publish(incomingOf(draft));
  }

  /** Publishes, and waits for as many receipts as there are commands; those that came for them. */
  async answers(...drafts: Draft[]): Promise<Receipt[]> {
    const wanted = this.receipts.length + drafts.length;
    const from = this.receipts.length;
    this.publish(...drafts);
    await this.until(`${drafts.length} receipts`, () => this.receipts.length >= wanted);
    return this.receipts.slice(from);
  }

  /** … that must all be accepted. */
  async given(...drafts: Draft[]): Promise<void> {
    for (const { status, reason } of await this.answers(...drafts))
      if (status !== 'accepted') throw new Error(`refused: ${JSON.stringify(reason)}`);
  }

  async until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
    await eventually(check, { within: WITHIN_MS, what });
  }

  /** Every committed event is published and confirmed. */
  async published(): Promise<void> {
    await this.until('everything is published', () =>
      this.worker.status.partitions.every(({ epoch, unpublished }) => epoch !== null && unpublished === 0),
    );
  }

  /** Ids of the first copies, in the order of publishing. */
  get firstCopies(): string[] {
    return [...new Set(this.events.map(({ id }) => id))];
  }

  bodies(chatId: string): (string | null)[] {
    return (this.world.messagesOfChat.get(chatId) ?? []).map(({ body }) => body);
  }

  sequences(chatId: string): (number | null)[] {
    return (this.world.eventsOfChat.get(chatId) ?? []).map(({ sequence }) => sequence);
  }

  /** Nothing waits, and nothing is in hand: a subscriber in its place would get nothing. */
  async nothingLeft(): Promise<boolean> {
    const left: unknown[] = [];
    await this.worker.stop();
    const onLost = () => undefined;
    const next = await this.transport.source.subscribe(0, 1, { onDelivery: (delivery) => left.push(delivery), onLost });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await next.close();
    return left.length === 0;
  }

  reasonsBuried(): unknown[] {
    return this.transport.keptDeadLetters().map(({ headers }) => headers['x-parley-reason']);
  }

  private observer(): WorkerObserver {
    const tell = (word: string) => {
      this.told.push(word);
    };
    return {
      ...NO_OBSERVER,
      deadLettered: (reason) => tell(`deadLettered ${reason}`),
      rerouted: () => tell('rerouted'),
      forwarded: () => tell('sent home'),
      transactionFailed: (kind) => tell(`failed ${kind}`),
      leaseAcquired: (partition) => tell(`leaseAcquired ${partition}`),
      pruned: (what, rows) => tell(`pruned ${rows} ${what}`),
    };
  }
}

export function range(from: number, through: number): number[] {
  return Array.from({ length: through - from + 1 }, (_, index) => from + index);
}
