/** A simulated worker process: the real application code, on simulated connections that a story can cut. */

import { MemoryQuotas } from '../../../src/adapters/quotas/memory-quotas.js';
import { MemoryDecisionLog } from '../../../src/adapters/stores/memory/memory-decision-log.js';
import { Worker } from '../../../src/application/coordinator/worker.js';
import { PolicyEnforcementPoint } from '../../../src/application/policy/enforcement.js';
import type {
  CommandSource,
  DeadLetters,
  EventSink,
  ReceiptSender,
} from '../../../src/application/ports/transport/transport.js';
import { NO_OBSERVER } from '../../../src/application/ports/worker-observer.js';
import { type BatchExecution, BatchExecutor } from '../../../src/application/processing/execution/batch-executor.js';
import { CommandDecider } from '../../../src/application/processing/execution/command-decider.js';
import type { BatchItem } from '../../../src/application/snapshot/batch-item.js';
import { identifyCommand } from '../../../src/contract/messages/decode-command.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { hidingPolicy } from '../../support/policies/hiding-policy.js';
import { type SimBroker, SimConnection, SimEventChannel } from './sim-broker.js';
import { type SimDatabase, type StoreWire, storeWire } from './sim-store.js';
import { Chance, SimProcess, type VirtualTime } from './virtual-time.js';

const quiet = () => undefined;
const LOGGER = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const RETENTION_MS = 72 * 3_600_000;
const RECIPIENTS_MAX = 256;
const MAX_COMMAND_ATTEMPTS = 3;
const RECONNECT_MAX_MS = 1_500;
/** Two heartbeats of 7 s. */
const BROKER_PATIENCE_MS = 14_000;
const POLICY = hidingPolicy();

/** The ports of a worker, which a planted bug can wrap. */
export interface WorkerPorts {
  store: StoreWire;
  source: CommandSource;
  sink: EventSink;
  receipts: ReceiptSender;
  deadLetters: DeadLetters;
  /** What the worker uses in place of its executor. */
  executor(executor: BatchExecution): BatchExecution;
}

export interface Surroundings {
  time: VirtualTime;
  broker: SimBroker;
  database: SimDatabase;
  partitions: number;
  seed: number;
  /** Called when the broker gets a receipt of this worker. */
  onReceipt(correlationId: string, receipt: Receipt, worker: string): void;
  /** Ids of commands that crash the worker that decides them. */
  deadly: ReadonlySet<string>;
  /** Called after the crash, to start the worker again. */
  onDeath(worker: SimWorker): void;
  /** A planted bug, which wraps the ports of the worker. */
  plant(ports: WorkerPorts, process: SimProcess, around: Surroundings): WorkerPorts;
}

export class SimWorker {
  readonly process: SimProcess;
  private readonly store: StoreWire;
  private readonly chance: Chance;
  /** Two connections, as in a real process, so that blocked publishing does not stop acknowledgements. */
  private readonly connections: { [use in 'consuming' | 'publishing']: SimConnection | null } = {
    consuming: null,
    publishing: null,
  };
  readonly worker: Worker;

  constructor(
    readonly name: string,
    clockSkewMs: number,
    private readonly around: Surroundings,
  ) {
    const { time, database, seed, partitions } = around;
    this.process = new SimProcess(name, time, seed, clockSkewMs);
    this.chance = new Chance(seed, `wire of ${name}`);
    this.store = storeWire(database, this.process, seed);
    this.connect();
    const planted = around.plant(this.ports(), this.process, around);
    const { store, source, sink, receipts, deadLetters } = planted;
    const clock = this.process.clock;
    const executor = new BatchExecutor({
      store: store.commands,
      decider: this.mortalDecider(),
      observer: NO_OBSERVER,
      logger: LOGGER,
      time: clock,
      maxCommandAttempts: MAX_COMMAND_ATTEMPTS,
      onStoreTrouble: quiet,
    });
    this.worker = new Worker({
      workerId: name,
      partitions,
      receiptRetentionMs: RETENTION_MS,
      registry: store.registry,
      store: store.commands,
      source,
      receipts,
      deadLetters,
      executor: planted.executor(executor),
      reader: { identify: identifyCommand, verifier: null, tokenGraceSeconds: 0 },
      quotas: new MemoryQuotas([]),
      decisions: new MemoryDecisionLog(database.tables),
      decisionRetentionMs: RETENTION_MS,
      publisher: {
        ...{ log: store.log, sink, policy: POLICY, observer: NO_OBSERVER, logger: LOGGER, time: clock },
        render: { storeId: database.tables.storeId, recipientsMax: RECIPIENTS_MAX },
      },
      observer: NO_OBSERVER,
      logger: LOGGER,
      time: clock,
      isTransportReady: () => Object.values(this.connections).every((connection) => connection?.isOpen === true),
    });
    this.worker.start();
  }

  private mortalDecider(): CommandDecider {
    const decider = new CommandDecider(new PolicyEnforcementPoint(POLICY));
    const decide = decider.decide.bind(decider);
    decider.decide = (items, ...rest) => {
      const isDeadly = ({ delivery }: BatchItem) => this.around.deadly.has(delivery.incoming.messageId ?? '');
      if (!items.some(isDeadly)) return decide(items, ...rest);
      this.around.onDeath(this);
      throw new Error('nobody hears of it: the process is dead');
    };
    return decider;
  }

  kill(): void {
    this.process.kill();
    for (const connection of Object.values(this.connections)) connection?.end();
  }

  freeze(ms: number): void {
    this.process.freeze(ms);
    // The broker misses heartbeats and closes the connection.
    const connections = Object.values(this.connections);
    this.around.time.after(BROKER_PATIENCE_MS, () => {
      if (ms > BROKER_PATIENCE_MS) for (const connection of connections) connection?.end();
    });
    this.process.receive(ms, () => this.connect());
  }

  /** Cuts one connection or both. */
  cut(): void {
    const which = this.chance.below(3);
    if (which !== 0) this.connections.consuming?.end();
    if (which !== 1) this.connections.publishing?.end();
    this.process.receive(this.chance.next() * RECONNECT_MAX_MS, () => this.connect());
  }

  loseAtCommit(mishap: 'reply lost' | 'commit lost'): void {
    this.store.nextMishaps.push(mishap);
  }

  /** The lost connections. */
  private connect(): void {
    const { broker, time, database } = this.around;
    if (!broker.claim(database.tables.storeId)) {
      // Retries, as a refused process does.
      this.process.receive(RECONNECT_MAX_MS, () => this.connect());
      return;
    }
    for (const use of ['consuming', 'publishing'] as const)
      if (this.connections[use]?.isOpen !== true)
        this.connections[use] = new SimConnection(this.process, broker, time, this.chance);
  }

  private current(use: 'consuming' | 'publishing'): SimConnection {
    const connection = this.connections[use];
    if (connection?.isOpen !== true) throw new Error('no connection');
    return connection;
  }

  private ports(): WorkerPorts {
    const { broker, onReceipt } = this.around;
    return {
      store: this.store,
      source: {
        subscribe: async (partition, prefetch, handlers) =>
          broker.subscribe(this.current('consuming'), partition, prefetch, handlers),
        reroute: async () => {
          throw new Error('nothing is rerouted here: no ring is repaired');
        },
        forward: async ({ incoming }, home) =>
          this.current('publishing').call(() => broker.publish(home, incoming, true)),
      },
      sink: { openChannel: async () => new SimEventChannel(this.current('publishing')) },
      receipts: {
        send: (_replyTo, correlationId, receipt) => {
          this.connections.publishing?.toBroker(() => onReceipt(correlationId, receipt, this.name));
        },
      },
      deadLetters: {
        deadLetter: async ({ incoming }, reason, detail) =>
          this.current('publishing').call(() => {
            broker.deadLettered.push({
              ...incoming,
              headers: { 'x-parley-reason': reason, 'x-parley-detail': detail },
            });
          }),
      },
      executor: (executor) => executor,
    };
  }
}
