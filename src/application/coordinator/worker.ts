/**
 * A worker: sends heartbeats, learns which other workers are alive, and acquires the leases of its partitions.
 *
 * Each tick compares the registry with the local leases:
 * - Assigned, and no live worker has the lease: acquire it. If another live worker still has it, subscribe, wait
 *   `HANDOVER_GRACE_MS` for it to finish, then acquire the lease anyway. The epoch fences out the other worker.
 * - Standby of a partition that a live worker has: subscribe, and acquire the lease on the first delivery.
 * - Lease without assignment: release it, unless this worker got it as the standby. Then the assigned worker is away
 *   and acquires the lease when it is back.
 */

import { dutyOf, hasLiveOwner } from '../cluster/assignment.js';
import type { CommandStore } from '../ports/store/command-store.js';
import type { DecisionLog } from '../ports/store/decision-log.js';
import type { ClusterState } from '../ports/store/partition-registry.js';
import type { Prunable } from '../ports/worker-observer.js';
import { BatchSlots } from '../processing/batch-slots.js';
import {
  PartitionConsumer,
  type PartitionConsumerDeps,
  type PartitionStatus,
} from '../processing/partition-consumer.js';

export const HEARTBEAT_INTERVAL_MS = 500;
/** A worker without a heartbeat for this long counts as dead. */
export const WORKER_ALIVE_MS = 3_000;
export const HANDOVER_GRACE_MS = 1_500;
/**
 * A worker without a broker cannot process commands. After this time it deregisters, so that its partitions are
 * assigned to other workers.
 */
export const BROKER_AWAY_MS = 2_000;
export const PRUNE_INTERVAL_MS = 60_000;
export const PRUNE_CHUNK = 5_000;
/**
 * Attempts at commands that did not come again are deleted after this time. It is longer than any command waits that is
 * still tried.
 */
export const ATTEMPT_RETENTION_MS = 7 * 24 * 3_600_000;

/** Deletes rows older than `before` and returns the number of rows that each statement deleted. */
type PruneChunk = (before: Date) => Promise<number[]>;

export interface WorkerDeps extends PartitionConsumerDeps {
  store: CommandStore;
  concurrentBatches: number;
  /** `RECEIPT_RETENTION` in milliseconds. */
  receiptRetentionMs: number;
  decisions: Pick<DecisionLog, 'prune'>;
  /** `DECISION_RETENTION` in milliseconds. */
  decisionRetentionMs: number;
  isTransportReady(): boolean;
}

export interface WorkerStatus {
  workerId: string;
  /** The time of the registry's last answer. Null before the first one. */
  registryAnsweredAt: Date | null;
  partitions: PartitionStatus[];
  /** `PartitionState.logFloor` by partition, from the registry's last answer. */
  logFloors: ReadonlyMap<number, number>;
}

export class Worker {
  private readonly consumers: PartitionConsumer[];
  /** By partition: the time since which an assigned partition has had another live owner. */
  private readonly waitingSince = new Map<number, number>();
  /** Partitions whose lease this worker has had while they were assigned to it. */
  private readonly heldAsAssigned = new Set<number>();
  private readonly life = new AbortController();
  private readonly background = new Map<string, Promise<unknown>>();
  private running: Promise<void> | null = null;
  private registryAnsweredAt: Date | null = null;
  private logFloors: ReadonlyMap<number, number> = new Map();
  private transportAwaySince: number | null = null;
  /** The time of the last finished pruning, by kind. */
  private readonly prunedAt = new Map<Prunable, number>();
  private isAnnounced = false;

  constructor(private readonly deps: WorkerDeps) {
    const slots = new BatchSlots(deps.concurrentBatches, deps.time);
    this.consumers = Array.from(
      { length: deps.partitions },
      (_, partition) => new PartitionConsumer(partition, deps, slots),
    );
  }

  get status(): WorkerStatus {
    return {
      workerId: this.deps.workerId,
      registryAnsweredAt: this.registryAnsweredAt,
      partitions: this.consumers.map((consumer) => consumer.status),
      logFloors: this.logFloors,
    };
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Called when the transport is ready again, so that consumers do not wait for their next attempt. */
  brokerReconnected(): void {
    for (const consumer of this.consumers) consumer.brokerReconnected();
  }

  /** Finishes the current batches, returns the other deliveries to the broker, and deregisters the worker. */
  async stop(): Promise<void> {
    this.life.abort();
    // Consumers are stopped at once, because a heartbeat may hang.
    await Promise.all([this.running, ...this.consumers.map((consumer) => consumer.stop())]);
    await Promise.all(this.background.values());
    await this.deps.registry
      .deregister(this.deps.workerId)
      .catch((error: unknown) => this.deps.logger.warn('worker not deregistered', { error }));
  }

  private async run(): Promise<void> {
    while (!this.life.signal.aborted) {
      try {
        await this.tick();
      } catch (error) {
        this.deps.logger.warn('heartbeat failed', { error });
      }
      await this.deps.time.pause(HEARTBEAT_INTERVAL_MS, this.life.signal);
    }
  }

  private async tick(): Promise<void> {
    const { registry, workerId } = this.deps;
    if (this.isTransportAway()) {
      if (this.isAnnounced) await registry.deregister(workerId);
      this.isAnnounced = false;
      return;
    }
    const cluster = await registry.heartbeat(workerId, WORKER_ALIVE_MS);
    this.isAnnounced = true;
    this.registryAnsweredAt = this.deps.time.now();
    this.logFloors = new Map(cluster.partitions.map(({ partition, logFloor }) => [partition, logFloor]));
    this.deps.publisher.live?.noteReaders(cluster.liveReaders);
    for (const consumer of this.consumers) this.reconcile(consumer, cluster);
    // Both tasks may wait seconds for rows that a slow transaction locks. They must not delay the next heartbeat.
    this.inBackground('progress', () => Promise.all(this.consumers.map((consumer) => consumer.saveProgress())));
    if (cluster.workers[0] === workerId) this.pruneInBackground();
  }

  /** Runs at most one task of each kind at a time. */
  private inBackground(kind: string, work: () => Promise<unknown>): void {
    if (this.background.has(kind)) return;
    const running = work()
      .catch((error: unknown) => this.deps.logger.warn('background task failed', { task: kind, error }))
      .finally(() => this.background.delete(kind));
    this.background.set(kind, running);
  }

  private isTransportAway(): boolean {
    if (this.deps.isTransportReady()) this.transportAwaySince = null;
    else this.transportAwaySince ??= this.deps.time.elapsedMs();
    return this.transportAwaySince !== null && this.deps.time.elapsedMs() - this.transportAwaySince > BROKER_AWAY_MS;
  }

  private reconcile(consumer: PartitionConsumer, cluster: ClusterState): void {
    const { workerId } = this.deps;
    const { partition } = consumer;
    const state = cluster.partitions[partition];
    if (state === undefined) return;
    const duty = dutyOf(workerId, partition, cluster.workers);
    const isOurs = state.owner === workerId;
    // Compares epochs, not only owners: the lease may be newer than this heartbeat's answer.
    if (consumer.hasLease && !isOurs && state.epoch > (consumer.status.epoch ?? 0)) consumer.leaseLost();

    if (duty === 'assigned') {
      consumer.subscribe();
      if (isOurs || consumer.hasLease) {
        this.waitingSince.delete(partition);
        if (consumer.hasLease) this.heldAsAssigned.add(partition);
        else consumer.acquire('assigned');
        // The lease was released while the broker was away, and no other worker has acquired it.
        if (state.owner === null && state.epoch === consumer.status.epoch) consumer.acquire('again');
      } else if (!hasLiveOwner(cluster, partition) || this.hasWaitedLongEnough(partition)) consumer.acquire('assigned');
      return;
    }
    this.waitingSince.delete(partition);
    if (consumer.hasLease) {
      if (this.heldAsAssigned.delete(partition) || duty === 'none') consumer.release();
    } else if (duty === 'standby' && !isOurs && hasLiveOwner(cluster, partition)) consumer.subscribe();
    else if (consumer.status.isSubscribed) consumer.release();
  }

  private hasWaitedLongEnough(partition: number): boolean {
    const now = this.deps.time.elapsedMs();
    const since = this.waitingSince.get(partition) ?? now;
    this.waitingSince.set(partition, since);
    return now - since >= HANDOVER_GRACE_MS;
  }

  private pruneInBackground(): void {
    const { store, decisions, receiptRetentionMs, decisionRetentionMs } = this.deps;
    const prune = (what: Prunable, retentionMs: number, chunk: PruneChunk) =>
      this.inBackground(`pruning of ${what}`, () => this.prune(what, retentionMs, chunk));
    prune('receipts', receiptRetentionMs, async (before) => [await store.pruneReceipts(before, PRUNE_CHUNK)]);
    prune('rejected_commands', receiptRetentionMs, (before) => this.pruneRejectedCommands(before));
    prune('attempts', ATTEMPT_RETENTION_MS, async (before) => [await store.pruneAttempts(before, PRUNE_CHUNK)]);
    prune('decisions', decisionRetentionMs, async (before) => [await decisions.prune(before, PRUNE_CHUNK)]);
  }

  /** One partition after another, because each statement locks the row of one partition. */
  private async pruneRejectedCommands(before: Date): Promise<number[]> {
    const chunks: number[] = [];
    for (let partition = 0; partition < this.deps.partitions && !this.life.signal.aborted; partition += 1)
      chunks.push(await this.deps.store.pruneRejectedCommands(partition, before, PRUNE_CHUNK));
    return chunks;
  }

  private async prune(what: Prunable, retentionMs: number, chunk: PruneChunk): Promise<void> {
    const { time, logger, observer } = this.deps;
    if (time.elapsedMs() - (this.prunedAt.get(what) ?? Number.NEGATIVE_INFINITY) < PRUNE_INTERVAL_MS) return;
    const before = new Date(time.now().getTime() - retentionMs);
    const chunks = await chunk(before);
    // A full chunk means that there are more rows, so pruning continues at the next tick.
    if (chunks.every((rows) => rows < PRUNE_CHUNK)) this.prunedAt.set(what, time.elapsedMs());
    const pruned = chunks.reduce((sum, rows) => sum + rows, 0);
    if (pruned === 0) return;
    observer.pruned(what, pruned);
    logger.info(`${what} pruned`, { pruned, before: before.toISOString() });
  }
}
