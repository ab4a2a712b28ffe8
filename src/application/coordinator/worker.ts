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
import type { ClusterState } from '../ports/store/partition-registry.js';
import type { WorkerObserver } from '../ports/worker-observer.js';
import { GroupCommit } from '../processing/execution/group-commit.js';
import {
  PartitionConsumer,
  type PartitionConsumerDeps,
  type PartitionStatus,
} from '../processing/partition-consumer.js';
import { Pruner, type PrunerDeps } from '../retention/pruner.js';
import { BackgroundTasks } from '../runtime/background-tasks.js';

export const HEARTBEAT_INTERVAL_MS = 500;
/** A worker without a heartbeat for this long counts as dead. */
export const WORKER_ALIVE_MS = 3_000;
export const HANDOVER_GRACE_MS = 1_500;
/**
 * A worker without a broker cannot process commands. After this time it deregisters, so that its partitions are
 * assigned to other workers.
 */
export const BROKER_AWAY_MS = 2_000;
export interface WorkerDeps extends PartitionConsumerDeps, PrunerDeps {
  partitions: number;
  observer: WorkerObserver;
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
  private readonly groups: GroupCommit;
  /** By partition: the time since which an assigned partition has had another live owner. */
  private readonly waitingSince = new Map<number, number>();
  /** Partitions whose lease this worker has had while they were assigned to it. */
  private readonly heldAsAssigned = new Set<number>();
  private readonly life = new AbortController();
  private readonly background: BackgroundTasks;
  private readonly pruner: Pruner;
  private running: Promise<void> | null = null;
  private registryAnsweredAt: Date | null = null;
  private logFloors: ReadonlyMap<number, number> = new Map();
  private transportAwaySince: number | null = null;
  private isAnnounced = false;

  constructor(private readonly deps: WorkerDeps) {
    this.background = new BackgroundTasks((task, error) => deps.logger.warn('background task failed', { task, error }));
    this.pruner = new Pruner(deps, this.background);
    this.groups = new GroupCommit(deps.executor, deps.time);
    this.consumers = Array.from(
      { length: deps.partitions },
      (_, partition) => new PartitionConsumer(partition, deps, this.groups),
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

  /** Whether many commands wait. Background work can be put off then. */
  get isBusy(): boolean {
    return this.groups.isBusy;
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
    await this.background.ended();
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
    this.background.start('progress', () => Promise.all(this.consumers.map((consumer) => consumer.saveProgress())));
    if (cluster.workers[0] === workerId) this.pruner.tick(this.life.signal);
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
}
