import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { BatchExecutor } from '../../../../src/application/processing/execution/batch-executor.js';
import {
  type BatchPart,
  type ExecutedBatch,
  Fenced,
} from '../../../../src/application/processing/execution/batch-transaction.js';
import {
  BOARDING_MAX_MS,
  GATHER_MS,
  GATHERED_COMMANDS,
  GROUP_HELD_MAX_MS,
  GROUP_MAX_COMMANDS,
  GroupCommit,
  SECOND_GROUP_COMMANDS,
  type Seat,
} from '../../../../src/application/processing/execution/group-commit.js';
import { OutcomeUnknown } from '../../../../src/application/processing/execution/retrying-store.js';
import { realTime, type Time } from '../../../../src/application/runtime/time.js';
import { itemOf } from '../commands/decider-harness.js';
import { GROUP, send } from '../commands/drafts.js';

/** Pauses end when the test ends them, and the clock stands. */
class HeldTime {
  nowMs = 0;
  private readonly pauses: { delayMs: number; signal: AbortSignal; end: () => void }[] = [];
  readonly time: Time = {
    ...realTime,
    elapsedMs: () => this.nowMs,
    pause: (delayMs, signal) => new Promise((resolve) => this.pauses.push({ delayMs, signal, end: resolve })),
  };

  pass(delayMs: number): void {
    for (const pause of this.pauses) if (pause.delayMs === delayMs && !pause.signal.aborted) pause.end();
  }
}

/** Enough turns of the event loop for everything that waits for nothing else. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
}

const executedOf = ({ items }: BatchPart): ExecutedBatch => ({
  results: items.map((item) => ({ item, result: { kind: 'misrouted', home: 0 } })),
  events: [],
});

/** Records what is executed together and alone. `together` may be replaced. */
class Executor {
  readonly calls: string[] = [];
  isPoison = false;
  together: (parts: readonly BatchPart[]) => Promise<ExecutedBatch[]> = async (parts) => parts.map(executedOf);

  executeTogether(parts: readonly BatchPart[]): Promise<ExecutedBatch[]> {
    this.calls.push(`together ${parts.map(({ lease }) => lease.partition).join(' ')}`);
    return this.together(parts);
  }

  async *execute(part: BatchPart): AsyncGenerator<ExecutedBatch, void> {
    this.calls.push(`alone ${part.lease.partition}`);
    yield this.isPoison
      ? { results: part.items.map((item) => ({ item, result: { kind: 'poison', detail: '' } })), events: [] }
      : executedOf(part);
  }
}

describe('The group commit of a worker', () => {
  let held: HeldTime;
  let executor: Executor;
  let groups: GroupCommit;
  let seats: Map<number, Seat>;
  let size: { commands: number; bytes: number };

  const enter = (...partitions: number[]) => {
    held.nowMs += GATHER_MS;
    enterAtOnce(...partitions);
  };
  const enterAtOnce = (...partitions: number[]) => {
    for (const partition of partitions)
      void groups.enter(partition, () => size).then((seat) => seats.set(partition, seat));
  };
  const execute = async (partition: number, over: { deliveryCount?: number; signal?: AbortSignal } = {}) => {
    const item = { ...itemOf(send('alice', GROUP), partition + 1), partition };
    item.delivery = { ...item.delivery, deliveryCount: over.deliveryCount ?? 0 };
    const part = { items: [item], lease: { partition, epoch: 1, publishedThrough: 0 } };
    const seat = seats.get(partition);
    if (seat === undefined) throw new Error(`partition ${partition} has no seat`);
    let executed = 0;
    for await (const { results } of seat.execute(part, over.signal ?? new AbortController().signal))
      executed += results.length;
    seat.leave();
    return executed;
  };
  const boarded = () => [...seats.keys()];

  beforeEach(() => {
    held = new HeldTime();
    executor = new Executor();
    groups = new GroupCommit(executor as unknown as BatchExecutor, held.time);
    seats = new Map();
    size = { commands: 1, bytes: 100 };
  });

  it('executes the batches of all partitions that wait in one transaction, in the order of partitions', async () => {
    enter(2, 0, 1);
    await settled();
    expect(await Promise.all([2, 0, 1].map((partition) => execute(partition)))).to.deep.equal([1, 1, 1]);
    expect(executor.calls).to.deep.equal(['together 0 1 2']);
  });

  it('executes the batch of a single partition alone', async () => {
    enter(3);
    await settled();
    await execute(3);
    expect(executor.calls).to.deep.equal(['alone 3']);
  });

  it('goes without a partition that leaves before it has a batch', async () => {
    enter(0, 1, 2);
    await settled();
    const rest = Promise.all([execute(0), execute(2)]);
    seats.get(1)?.leave();
    await rest;
    expect(executor.calls).to.deep.equal(['together 0 2']);
  });

  it('runs one group at a time while little waits, and a second one when much waits', async () => {
    enter(0);
    await settled();
    enter(1);
    await settled();
    expect(boarded()).to.deep.equal([0]);
    size = { commands: SECOND_GROUP_COMMANDS, bytes: 100 };
    enter(2);
    await settled();
    expect(boarded()).to.deep.equal([0, 1, 2]);
    enter(3, 4);
    await settled();
    expect(boarded()).to.deep.equal([0, 1, 2]);
    await execute(0);
    await settled();
    expect(boarded()).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it('gathers commands for a while after the start of the group before', async () => {
    enter(0);
    await settled();
    await execute(0);
    held.nowMs += 2;
    enterAtOnce(1);
    await settled();
    enterAtOnce(2);
    await settled();
    expect(boarded()).to.deep.equal([0]);
    held.nowMs += GATHER_MS - 2;
    held.pass(GATHER_MS - 2);
    await settled();
    expect(boarded()).to.deep.equal([0, 1, 2]);
  });

  it('gathers no longer once several commands wait', async () => {
    enter(0);
    await settled();
    await execute(0);
    enterAtOnce(1);
    await settled();
    expect(boarded()).to.deep.equal([0]);
    enterAtOnce(...Array.from({ length: GATHERED_COMMANDS - 1 }, (_, index) => index + 2));
    await settled();
    expect(boarded()).to.have.length(1 + GATHERED_COMMANDS);
  });

  it('starts a group at once if the one before started long ago', async () => {
    enter(0);
    await settled();
    held.nowMs += GATHER_MS;
    await execute(0);
    enterAtOnce(1);
    await settled();
    expect(boarded()).to.deep.equal([0, 1]);
  });

  it('takes the partitions that wait longest, up to its limit', async () => {
    size = { commands: GROUP_MAX_COMMANDS / 2, bytes: 100 };
    enter(5, 4, 3);
    await settled();
    expect(boarded()).to.include.members([5, 4]);
    const first = [...seats].slice(0, 2).map(([partition]) => partition);
    expect(first).to.deep.equal([5, 4]);
  });

  it('no longer counts a group that takes long', async () => {
    enter(0);
    await settled();
    enter(1);
    await settled();
    held.pass(GROUP_HELD_MAX_MS);
    await settled();
    expect(boarded()).to.deep.equal([0, 1]);
  });

  it('departs without a partition that takes long to read its commands, which then executes alone', async () => {
    enter(0, 1, 2);
    await settled();
    const early = Promise.all([execute(0), execute(1)]);
    held.pass(BOARDING_MAX_MS);
    await early;
    await execute(2);
    expect(executor.calls).to.deep.equal(['together 0 1', 'alone 2']);
  });

  it('tries the others once more without a partition whose lease is lost', async () => {
    executor.together = async (parts) => {
      if (parts.some(({ lease }) => lease.partition === 1)) throw new Fenced([1]);
      return parts.map(executedOf);
    };
    enter(0, 1, 2);
    await settled();
    const outcomes = await Promise.allSettled([0, 1, 2].map((partition) => execute(partition)));
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect((outcomes[1] as PromiseRejectedResult).reason)
      .to.be.instanceOf(Fenced)
      .and.to.have.property('partitions')
      .that.deep.equals([1]);
    expect(executor.calls).to.deep.equal(['together 0 1 2', 'together 0 2']);
  });

  it('gives all partitions one recovery of their leases if the outcome is unknown', async () => {
    executor.together = () => Promise.reject(new OutcomeUnknown({ cause: null }));
    enter(0, 1);
    await settled();
    const outcomes = await Promise.allSettled([execute(0), execute(1)]);
    const [one, other] = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason as OutcomeUnknown);
    expect(one?.recovery).to.not.equal(null);
    expect(one?.recovery).to.equal(other?.recovery);
    expect(executor.calls).to.deep.equal(['together 0 1']);
  });

  it('lets each partition execute alone after any other failure, until one batch has passed', async () => {
    executor.together = () => Promise.reject(new Error('refused'));
    const all = async () => {
      enter(0, 1);
      await settled();
      await Promise.all([execute(0), execute(1)]);
      return executor.calls.splice(0);
    };
    executor.isPoison = true;
    expect(await all()).to.deep.equal(['together 0 1', 'alone 0', 'alone 1']);
    executor.isPoison = false;
    expect(await all()).to.deep.equal(['alone 0', 'alone 1']);
    expect((await all())[0]).to.equal('together 0 1');
  });

  it('never takes commands that may kill the worker together with those of other partitions', async () => {
    enter(0, 1, 2);
    await settled();
    await Promise.all([execute(0, { deliveryCount: 2 }), execute(1), execute(2)]);
    expect(executor.calls).to.have.members(['alone 0', 'together 1 2']);
  });

  it('leaves out a partition whose work was aborted before the transaction', async () => {
    const aborted = AbortSignal.abort(new Error('subscription lost'));
    enter(0, 1, 2);
    await settled();
    const outcomes = await Promise.allSettled([execute(0, { signal: aborted }), execute(1), execute(2)]);
    expect((outcomes[0] as PromiseRejectedResult).reason).to.have.property('message', 'subscription lost');
    expect(executor.calls).to.deep.equal(['together 1 2']);
  });
});
