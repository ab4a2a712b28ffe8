/**
 * A worker: says that it is alive, learns who else is, and holds the partitions that fall to it.
 *
 * Every tick compares what the registry says with what is held here:
 * - assigned, and nobody serves it: take over. Somebody else still does: stand in line, give it `HANDOVER_GRACE_MS` to finish, then
 *   take over all the same: the epoch fences the other one out;
 * - standby of a partition that is served: stand in line, and take over on the first delivery, should one come;
 * - held without being assigned: release it, unless it came to us as its standby (then the assigned one is away, and takes it back
 *   when it can).
 */

import { dutyOf, isServed } from '../cluster/assignment.js';
import type { CommandStore } from '../ports/command-store.js';
import type { DecisionLog } from '../ports/decision-log.js';
import type { ClusterState } from '../ports/partition-registry.js';
import type { Prunable } from '../ports/worker-observer.js';
import { BatchSlots } from '../processing/batch-slots.js';
import {
  PartitionConsumer,
  type PartitionConsumerDeps,
  type PartitionStatus,
} from '../processing/partition-consumer.js';

export const HEARTBEAT_INTERVAL_MS = 500;
/** A worker not heard of for this long counts as dead. */
export const WORKER_ALIVE_MS = 3_000;
export const HANDOVER_GRACE_MS = 1_500;
/** Without a broker a worker is no use: past this it is no longer announced, so that others are assigned its partitions. */
export const BROKER_AWAY_MS = 2_000;
export const PRUNE_INTERVAL_MS = 60_000;
export const PRUNE_CHUNK = 5_000;
/** Attempts at commands that did not come again are forgotten after so long. Longer than any command waits that is still tried. */
export const ATTEMPT_RETENTION_MS = 7 * 24 * 3_600_000;

/** Deletes what is older than `before`; answers how many rows each of its statements deleted. */
type PruneChunk = (before: Date) => Promise<number[]>;

export interface WorkerDeps extends PartitionConsumerDeps {
  store: CommandStore;
  /** `CONCURRENT_BATCHES` */
  concurrentBatches: number;
  /** `RECEIPT_RETENTION` in milliseconds. */
  receiptRetentionMs: number;
  decisions: Pick<DecisionLog, 'prune'>;
  /** `DECISION_RETENTION` in milliseconds. */
  decisionRetentionMs: number;
  /** Whether the transport is connected. */
  isTransportReady(): boolean;
}

export interface WorkerStatus {
  workerId: string;
  /** When the registry last answered; null: not yet. */
  heardAt: Date | null;
  partitions: PartitionStatus[];
  /** By partition, as the registry last answered: `PartitionState.logFloor`. */
  logFloors: ReadonlyMap<number, number>;
}

export class Worker {
  private readonly owners: PartitionConsumer[];
  /** Since when an assigned partition has been in somebody else's hands, by partition. */
  private readonly waitingSince = new Map<number, number>();
  /** Partitions that this worker held while they were assigned to it. */
  private readonly heldAsAssigned = new Set<number>();
  private readonly life = new AbortController();
  private readonly background = new Map<string, Promise<unknown>>();
  private running: Promise<void> | null = null;
  private heardAt: Date | null = null;
  private logFloors: ReadonlyMap<number, number> = new Map();
  private transportAwaySince: number | null = null;
  /** By what was pruned. */
  private readonly prunedAt = new Map<Prunable, number>();
  private isAnnounced = false;

  constructor(private readonly deps: WorkerDeps) {
    const slots = new BatchSlots(deps.concurrentBatches, deps.time);
    this.owners = Array.from(
      { length: deps.partitions },
      (_, partition) => new PartitionConsumer(partition, deps, slots),
    );
  }

  get status(): WorkerStatus {
    return {
      workerId: this.deps.workerId,
      heardAt: this.heardAt,
      partitions: this.owners.map((owner) => owner.status),
      logFloors: this.logFloors,
    };
  }

  start(): void {
    this.running ??= this.run();
  }

  /** To be called when the transport is ready again: its partitions need not wait for their next attempt. */
  brokerIsBack(): void {
    for (const owner of this.owners) owner.brokerIsBack();
  }

  /** Finishes what is in hand, gives the rest back, and takes this worker off the list. */
  async stop(): Promise<void> {
    this.life.abort();
    // The owners need not wait for a heartbeat that hangs.
    await Promise.all([this.running, ...this.owners.map((owner) => owner.stop())]);
    await Promise.all(this.background.values());
    await this.deps.registry
      .deregister(this.deps.workerId)
      .catch((error: unknown) => this.deps.logger.warn('not taken off the list of workers', { error }));
  }

  private async run(): Promise<void> {
    while (!this.life.signal.aborted) {
      try {
        await this.tick();
      } catch (error) {
        this.deps.logger.warn('the registry does not answer', { error });
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
    const census = await registry.heartbeat(workerId, WORKER_ALIVE_MS);
    this.isAnnounced = true;
    this.heardAt = this.deps.time.now();
    this.logFloors = new Map(census.partitions.map(({ partition, logFloor }) => [partition, logFloor]));
    for (const owner of this.owners) this.attendTo(owner, census);
    // Neither may hold up the next heartbeat: both wait for rows that a slow transaction can hold for seconds.
    this.inBackground('progress', () => Promise.all(this.owners.map((owner) => owner.saveProgress())));
    if (census.workers[0] === workerId) this.pruneInBackground();
  }

  /** One at a time of each kind. */
  private inBackground(kind: string, work: () => Promise<unknown>): void {
    if (this.background.has(kind)) return;
    const running = work()
      .catch((error: unknown) => this.deps.logger.warn(`${kind} put off`, { error }))
      .finally(() => this.background.delete(kind));
    this.background.set(kind, running);
  }

  private isTransportAway(): boolean {
    if (this.deps.isTransportReady()) this.transportAwaySince = null;
    else this.transportAwaySince ??= this.deps.time.elapsedMs();
    return this.transportAwaySince !== null && this.deps.time.elapsedMs() - this.transportAwaySince > BROKER_AWAY_MS;
  }

  private attendTo(owner: PartitionConsumer, census: ClusterState): void {
    const { workerId } = this.deps;
    const { partition } = owner;
    const state = census.partitions[partition];
    if (state === undefined) return;
    const duty = dutyOf(workerId, partition, census.workers);
    const isOurs = state.owner === workerId;
    // By the epoch, not by the name alone: a take-over may be newer than this census.
    if (owner.owns && !isOurs && state.epoch > (owner.status.epoch ?? 0)) owner.lost();

    if (duty === 'assigned') {
      owner.subscribe();
      if (isOurs || owner.owns) {
        this.waitingSince.delete(partition);
        if (owner.owns) this.heldAsAssigned.add(partition);
        else owner.takeOver('assigned');
        // Given up while the broker was away, and taken by nobody.
        if (state.owner === null && state.epoch === owner.status.epoch) owner.takeOver('again');
      } else if (!isServed(census, partition) || this.hasWaitedLongEnough(partition)) owner.takeOver('assigned');
      return;
    }
    this.waitingSince.delete(partition);
    if (owner.owns) {
      if (this.heldAsAssigned.delete(partition) || duty === 'none') owner.release();
    } else if (duty === 'standby' && !isOurs && isServed(census, partition)) owner.subscribe();
    else if (owner.status.isSubscribed) owner.release();
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

  /** One partition after the other: each statement locks the row of one partition. */
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
    // A full chunk means that there is more: go on at the next tick.
    if (chunks.every((rows) => rows < PRUNE_CHUNK)) this.prunedAt.set(what, time.elapsedMs());
    const pruned = chunks.reduce((sum, rows) => sum + rows, 0);
    if (pruned === 0) return;
    observer.pruned(what, pruned);
    logger.info(`${what} pruned`, { pruned, before: before.toISOString() });
  }
}
