/**
 * The worker's metrics, by the OpenTelemetry API. The process chooses the exporter. docs/metrics.md explains each.
 */
import type { Meter } from '@opentelemetry/api';
import type { WorkerStatus } from '../../application/coordinator/worker.js';
import type { DeadLetterReason, PublishOutcome } from '../../application/ports/transport/transport.js';
import type { Prunable, Stage, WorkerObserver } from '../../application/ports/worker-observer.js';
import { Tally } from './tally.js';

/** Upper bounds of the histogram's buckets, in milliseconds. */
const STAGE_BUCKETS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
const MS_PER_S = 1_000;
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** Waiting commands in each partition's queue, from the last poll. Empty if the transport does not know. */
export type QueueDepths = () => ReadonlyMap<number, number>;

export class WorkerMetrics implements WorkerObserver {
  private readonly commands;
  private readonly batchSize;
  private readonly stage;
  private readonly events;
  private readonly deadLetters;
  private readonly reroutes;
  private readonly homecomings;
  private readonly failures;
  private readonly takeOvers;
  private readonly prunedRows;

  constructor(private readonly meter: Meter) {
    this.commands = new Tally(
      meter.createObservableCounter('parley.commands', {
        description: 'Commands answered, by type, status and refusal code',
      }),
    );
    this.batchSize = meter.createHistogram('parley.batch.commands', {
      description: 'Commands per committed batch',
      advice: { explicitBucketBoundaries: BATCH_BUCKETS },
    });
    this.stage = meter.createHistogram('parley.stage.duration', {
      description: 'Duration of each stage of a batch',
      unit: 'ms',
      advice: { explicitBucketBoundaries: STAGE_BUCKETS_MS },
    });
    this.events = new Tally(
      meter.createObservableCounter('parley.events', {
        description: 'Published copies of events, by outcome',
      }),
    );
    this.deadLetters = meter.createCounter('parley.dead.letters', { description: 'Commands dead-lettered, by reason' });
    this.reroutes = meter.createCounter('parley.rerouted', {
      description: 'Commands rerouted to their own partition after a repair of the hash ring',
    });
    this.homecomings = meter.createCounter('parley.commands.forwarded', {
      description: "Misrouted commands that were published to the queue of their chat's partition",
    });
    this.failures = meter.createCounter('parley.transactions.failed', {
      description: 'Failed transactions, by kind',
    });
    this.takeOvers = meter.createCounter('parley.takeovers', { description: 'Take-overs of partitions, by cause' });
    this.prunedRows = meter.createCounter('parley.pruned.rows', {
      description: 'Rows deleted after their retention, by kind',
    });
  }

  /** Leases, unpublished events and queue lag, read on collection. */
  watch(status: () => WorkerStatus, queueDepths: QueueDepths): void {
    const owned = this.meter.createObservableGauge('parley.partition.owned', {
      description: '1 if this worker owns the partition, else 0',
    });
    const unpublished = this.meter.createObservableGauge('parley.events.unpublished', {
      description: 'Committed events without a publisher confirm, per owned partition',
    });
    const waiting = this.meter.createObservableGauge('parley.events.waiting.seconds', {
      description: 'Age of the oldest unpublished event, per owned partition',
    });
    const inHand = this.meter.createObservableGauge('parley.commands.in.hand.seconds', {
      description: 'Time for which the current commands have been processed, per owned partition',
    });
    const depth = this.meter.createObservableGauge('parley.queue.commands', {
      description: 'Commands waiting in the queue of each partition',
    });
    const floor = this.meter.createObservableGauge('parley.log.floor', {
      description: 'Log position at or below which events of rejected commands may be pruned, per owned partition',
    });
    this.meter.addBatchObservableCallback(
      (result) => {
        const now = new Date();
        const { partitions, logFloors } = status();
        for (const { partition, epoch, unpublished: count, unpublishedSince, batchSince } of partitions) {
          result.observe(owned, epoch === null ? 0 : 1, { partition });
          if (epoch === null) continue;
          result.observe(unpublished, count, { partition });
          result.observe(waiting, secondsSince(unpublishedSince, now), { partition });
          result.observe(inHand, secondsSince(batchSince, now), { partition });
          result.observe(floor, logFloors.get(partition) ?? 0, { partition });
        }
        for (const [partition, ready] of queueDepths()) result.observe(depth, ready, { partition });
      },
      [owned, unpublished, waiting, inHand, depth, floor],
    );
  }

  commandAnswered(type: string, status: 'accepted' | 'rejected', code: string | null, replayed: boolean): void {
    this.commands.add(`${type} ${status} ${code} ${replayed}`, () => ({
      ...{ type, status, replayed },
      ...(code === null ? {} : { code }),
    }));
  }

  batchCommitted(commands: number): void {
    this.batchSize.record(commands);
  }

  stageTook(stage: Stage, milliseconds: number): void {
    this.stage.record(milliseconds, { stage });
  }

  eventSettled(outcome: PublishOutcome): void {
    this.events.add(outcome, () => ({ outcome }));
  }

  deadLettered(reason: DeadLetterReason): void {
    this.deadLetters.add(1, { reason });
  }

  rerouted(): void {
    this.reroutes.add(1);
  }

  forwarded(): void {
    this.homecomings.add(1);
  }

  transactionFailed(kind: string): void {
    this.failures.add(1, { kind });
  }

  leaseAcquired(_partition: number, why: string): void {
    this.takeOvers.add(1, { why });
  }

  pruned(what: Prunable, rows: number): void {
    this.prunedRows.add(rows, { what });
  }
}

/** 0 if nothing has begun. Clocks of two machines may differ, so the result is never negative. */
function secondsSince(since: Date | null, now: Date): number {
  return since === null ? 0 : Math.max(0, now.getTime() - since.getTime()) / MS_PER_S;
}
