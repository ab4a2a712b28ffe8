/**
 * Commits the batches of a worker's partitions together. A transaction has a fixed cost, so a worker with many
 * partitions would pay it many times: all partitions that have commands share one transaction. Everything else stays
 * with the partition: its order, its receipts, its acknowledgement, its lease.
 *
 * ```
 *   partitions wait ──▶ group boards ──▶ one transaction ──▶ each partition finishes its batch ──▶ group ends
 * ```
 *
 * Sharing is optimistic. If a lease was lost, the others are tried once more without that partition. If anything else
 * fails, each partition executes its batch alone (batch-executor.ts), and stays out of groups until one batch has
 * passed without trouble. So the trouble of one partition delays the others by one batch at most
 * (docs/adr/0022-one-transaction-for-all-partitions.md).
 */

import { LeaseRecovery } from '../../cluster/lease-recovery.js';
import type { Time } from '../../runtime/time.js';
import { type BatchSize, isSuspect } from '../delivery-buffer.js';
import type { BatchExecution } from './batch-executor.js';
import { type BatchPart, type ExecutedBatch, Fenced } from './batch-transaction.js';
import { OutcomeUnknown } from './retrying-store.js';

/** A group takes no further partition when it has this many commands. */
export const GROUP_MAX_COMMANDS = 512;
/** A group takes no further partition when it has this many bytes of bodies. */
export const GROUP_MAX_BYTES = 4 * 1024 * 1024;
/**
 * A second group may run beside the first if this many commands wait. With fewer, one transaction after another is
 * faster for each of them.
 */
export const SECOND_GROUP_COMMANDS = 192;
/** A group that runs for longer than this no longer counts, so that other partitions need not wait for it. */
export const GROUP_HELD_MAX_MS = 200;
/**
 * A group starts this long after the start of the one before, or later. At some hundred commands per second nearly each
 * of them would be a transaction of its own, whose fixed cost keeps processors busy that the next command waits for.
 */
export const GATHER_MS = 5;
/** A group need not wait for GATHER_MS if this many commands wait. */
export const GATHERED_COMMANDS = 4;
/** A partition that takes longer than this to read its commands executes them alone. */
export const BOARDING_MAX_MS = 20;

/** A lost lease takes its partition out, and the others are tried once more. */
const ATTEMPTS_TOGETHER = 2;

/** A partition's place in a group, for one batch. */
export interface Seat {
  /** As `BatchExecutor.execute`. Called at most once. */
  execute(part: BatchPart, signal: AbortSignal): AsyncGenerator<ExecutedBatch, void>;
  /** Must be called when the batch has ended, also if there was none. */
  leave(): void;
}

interface Waiting {
  partition: number;
  size(): BatchSize;
  board(seat: Seat): void;
}

/** What became of a partition's part of a group. */
type Outcome = { kind: 'executed'; executed: ExecutedBatch } | { kind: 'alone' } | { kind: 'failed'; error: unknown };

/** An abort without a reason makes an error with a stack. */
const ENDED = 'ended';
const NEVER = new AbortController().signal;
const ALONE: Outcome = { kind: 'alone' };

interface Joined {
  part: BatchPart;
  signal: AbortSignal;
  settle(outcome: Outcome): void;
}

export class GroupCommit {
  private readonly waiting: Waiting[] = [];
  /** Groups that run and still count. */
  private running = 0;
  private isDue = false;
  private startedAtMs = Number.NEGATIVE_INFINITY;
  private isGathering = false;
  /** Partitions that execute alone until one batch has passed without trouble. */
  private readonly apart = new Set<number>();

  constructor(
    private readonly executor: BatchExecution,
    private readonly time: Time,
  ) {}

  /**
   * Resolves when the partition may take its next batch.
   * @param size the size of that batch, as of now
   */
  enter(partition: number, size: () => BatchSize): Promise<Seat> {
    return new Promise((board) => {
      this.waiting.push({ partition, size, board });
      this.startSoon();
    });
  }

  /**
   * Starts groups after a turn of the event loop: partitions whose batch has just ended come back, and commands that
   * arrive together start together.
   */
  private startSoon(): void {
    if (this.isDue) return;
    this.isDue = true;
    void this.time.turn().then(() => {
      this.isDue = false;
      while (this.canStart()) this.start();
    });
  }

  private canStart(): boolean {
    if (this.waiting.length === 0) return false;
    if (this.running === 0) return this.hasGathered();
    return this.running === 1 && this.isBusy;
  }

  /** Whether as many commands wait as make a second group worth its cost. */
  get isBusy(): boolean {
    return this.commandsWaiting >= SECOND_GROUP_COMMANDS;
  }

  private get commandsWaiting(): number {
    return this.waiting.reduce((sum, { size }) => sum + size().commands, 0);
  }

  /** Whether enough commands or enough time have passed since the last group started. Else a timer asks again. */
  private hasGathered(): boolean {
    if (this.commandsWaiting >= GATHERED_COMMANDS) return true;
    const leftMs = Math.ceil(this.startedAtMs + GATHER_MS - this.time.elapsedMs());
    if (leftMs <= 0) return true;
    if (!this.isGathering) {
      this.isGathering = true;
      void this.time.pause(leftMs, NEVER).then(() => {
        this.isGathering = false;
        this.startSoon();
      });
    }
    return false;
  }

  private start(): void {
    this.startedAtMs = this.time.elapsedMs();
    const boarding = this.nextGroup();
    this.running += 1;
    const counted = new AbortController();
    const end = () => {
      if (counted.signal.aborted) return;
      counted.abort(ENDED);
      this.running -= 1;
      this.startSoon();
    };
    const group = new Group(boarding.length, this.executor, this.apart, this.time, end);
    for (const { partition, board } of boarding) board(new GroupSeat(group, partition));
    void this.time.pause(BOARDING_MAX_MS, group.departed.signal).then(() => group.depart());
    void this.time.pause(GROUP_HELD_MAX_MS, counted.signal).then(end);
  }

  /** The partitions that wait longest, as many as the limits allow, and at least one. */
  private nextGroup(): Waiting[] {
    let commands = 0;
    let bytes = 0;
    let count = 0;
    for (const { size } of this.waiting) {
      const next = size();
      commands += next.commands;
      bytes += next.bytes;
      if (count > 0 && (commands > GROUP_MAX_COMMANDS || bytes > GROUP_MAX_BYTES)) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }
}

/**
 * One group. It departs when each of its partitions has joined with a batch or goes without one, and ends when each
 * has finished its batch.
 */
class Group {
  readonly departed = new AbortController();
  private readonly joined: Joined[] = [];
  private undecided: number;
  private seated: number;

  constructor(
    seats: number,
    readonly executor: BatchExecution,
    readonly apart: Set<number>,
    readonly time: Time,
    private readonly onEnd: () => void,
  ) {
    this.undecided = seats;
    this.seated = seats;
  }

  get hasDeparted(): boolean {
    return this.departed.signal.aborted;
  }

  join(part: BatchPart, signal: AbortSignal): Promise<Outcome> {
    return new Promise((settle) => {
      this.joined.push({ part, signal, settle });
      this.decided();
    });
  }

  /** A partition has joined, or will not join. */
  decided(): void {
    this.undecided -= 1;
    if (this.undecided === 0) this.depart();
  }

  left(): void {
    this.seated -= 1;
    if (this.seated === 0) this.onEnd();
  }

  depart(): void {
    if (this.hasDeparted) return;
    this.departed.abort(ENDED);
    void this.run(this.joined.sort((a, b) => a.part.lease.partition - b.part.lease.partition));
  }

  /** Settles each of the joined. Never rejects. */
  private async run(joined: readonly Joined[]): Promise<void> {
    let together = joined.filter(({ signal, settle }) => {
      if (signal.aborted) settle({ kind: 'failed', error: signal.reason });
      return !signal.aborted;
    });
    for (let attempt = 0; attempt < ATTEMPTS_TOGETHER && together.length > 1; attempt += 1) {
      try {
        const executed = await this.executor.executeTogether(together.map(({ part }) => part));
        for (const [index, { settle }] of together.entries())
          settle({ kind: 'executed', executed: executed[index] as ExecutedBatch });
        return;
      } catch (error) {
        if (error instanceof OutcomeUnknown) {
          error.recovery = new LeaseRecovery(
            together.map(({ part: { lease } }) => ({ partition: lease.partition, epoch: lease.epoch })),
          );
          for (const { settle } of together) settle({ kind: 'failed', error });
          return;
        }
        if (!(error instanceof Fenced)) {
          for (const { part, settle } of together) {
            this.apart.add(part.lease.partition);
            settle(ALONE);
          }
          return;
        }
        const isFenced = ({ part }: Joined) => error.partitions.includes(part.lease.partition);
        for (const member of together.filter(isFenced))
          member.settle({ kind: 'failed', error: new Fenced([member.part.lease.partition]) });
        together = together.filter((member) => !isFenced(member));
      }
    }
    for (const { settle } of together) settle(ALONE);
  }
}

class GroupSeat implements Seat {
  /** `decided`: the partition has joined the group with a batch, or goes without it. */
  private state: 'boarding' | 'decided' | 'left' = 'boarding';

  constructor(
    private readonly group: Group,
    private readonly partition: number,
  ) {}

  async *execute(part: BatchPart, signal: AbortSignal): AsyncGenerator<ExecutedBatch, void> {
    const [first] = part.items;
    const { group, partition } = this;
    // Suspects may kill the worker, so they must not take the commands of other partitions with them.
    const isAlone = first === undefined || group.hasDeparted || group.apart.has(partition) || isSuspect(first.delivery);
    this.state = 'decided';
    const joined = isAlone ? group.decided() : group.join(part, signal);
    const outcome = joined === undefined ? ALONE : await joined;
    if (outcome.kind === 'failed') throw outcome.error;
    if (outcome.kind === 'executed') yield outcome.executed;
    else yield* this.executeAlone(part, signal);
  }

  leave(): void {
    if (this.state === 'left') return;
    if (this.state === 'boarding') this.group.decided();
    this.state = 'left';
    this.group.left();
  }

  /** A batch without trouble lets the partition back into groups. */
  private async *executeAlone(part: BatchPart, signal: AbortSignal): AsyncGenerator<ExecutedBatch, void> {
    const { executor, apart, time } = this.group;
    const began = time.elapsedMs();
    let isClean = part.items.length > 0;
    for await (const executed of executor.execute(part, signal)) {
      if (executed.results.length < part.items.length) isClean = false;
      if (executed.results.some(({ result }) => result.kind === 'poison')) isClean = false;
      yield executed;
    }
    if (isClean && time.elapsedMs() - began <= GROUP_HELD_MAX_MS) apart.delete(this.partition);
  }
}
