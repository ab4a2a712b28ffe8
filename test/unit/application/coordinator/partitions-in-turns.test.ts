import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import {
  GROUP_HELD_MAX_MS,
  GROUP_MAX_COMMANDS,
} from '../../../../src/application/processing/execution/group-commit.js';
import { realTime, type Time } from '../../../../src/application/runtime/time.js';
import { create, send } from '../commands/drafts.js';
import { WorkerHarness } from '../processing/worker-harness.js';

/** Enough chats for more than one of four partitions. */
const CHATS = 24;
/** Turns of the event loop that a transaction takes here: enough for another one to begin. */
const TRANSACTION_TURNS = 5;
/** Some for each of eight partitions, and more than two transactions hold. */
const [LITTLE, MUCH] = [CHATS, 4 * GROUP_MAX_COMMANDS];

describe("A worker's partitions", () => {
  let harness: WorkerHarness;
  afterEach(() => harness?.close());

  const chats = () => Array.from({ length: CHATS }, () => create('alice', randomUUID(), []));

  it('share transactions', async () => {
    harness = await WorkerHarness.open({ partitions: 4 });
    let mostTogether = 0;
    harness.store.before = async ({ leases }) => {
      mostTogether = Math.max(mostTogether, leases.length);
      for (let turn = 0; turn < TRANSACTION_TURNS; turn += 1) await nextTurn();
    };
    await harness.given(...chats());
    expect(mostTogether).to.be.greaterThan(2);
  });

  it('have a second transaction beside the first, of other partitions, only while much waits', async () => {
    // A busy machine must not make a transaction long, which would no longer count.
    const pause: Time['pause'] = (delayMs, signal) =>
      delayMs === GROUP_HELD_MAX_MS ? once(signal, 'abort').then(() => undefined) : realTime.pause(delayMs, signal);
    harness = await WorkerHarness.open({ partitions: 8, pause });
    const [busy, clashes]: [Set<number>, number[]] = [new Set(), []];
    let [running, most] = [0, 0];
    harness.store.before = async ({ leases }) => {
      clashes.push(...leases.map(({ partition }) => partition).filter((partition) => busy.has(partition)));
      for (const { partition } of leases) busy.add(partition);
      running += 1;
      most = Math.max(most, running);
      for (let turn = 0; turn < TRANSACTION_TURNS; turn += 1) await nextTurn();
    };
    harness.store.after = ({ leases }) => {
      running -= 1;
      for (const { partition } of leases) busy.delete(partition);
    };
    const created = chats();
    await harness.given(...created);
    const messages = (count: number) =>
      Array.from({ length: count }, (_, index) => send('alice', created[index % CHATS]?.body.chatId ?? '', 'hello'));
    most = 0;
    await harness.given(...messages(LITTLE));
    expect(most, 'transactions at a time while little waits').to.equal(1);
    await harness.given(...messages(MUCH));
    expect(most, 'transactions at a time while much waits').to.equal(2);
    most = 0;
    await harness.given(...messages(LITTLE));
    expect(most, 'transactions at a time when the rush is over').to.equal(1);
    expect(clashes, 'partitions in two transactions').to.deep.equal([]);
  });

  it('delay each other only briefly if the store does not answer one of them', async () => {
    harness = await WorkerHarness.open({ partitions: 4 });
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    let stuck: number | null = null;
    harness.store.before = async ({ leases }) => {
      stuck ??= leases[0]?.partition ?? null;
      if (leases.some(({ partition }) => partition === stuck)) await answered;
    };
    harness.publish(...chats().slice(0, 1));
    await harness.until('a batch waits for the store', () => stuck !== null);
    harness.publish(...chats().slice(1));
    const isThrough = (partition: number) => (harness.world.partitions.get(partition)?.position ?? 0) > 0;
    await harness.until('two others at least are through', () => [0, 1, 2, 3].filter(isThrough).length >= 2);
    expect(isThrough(stuck ?? -1)).to.equal(false);
    answer();
    await harness.until('everything is answered', () => harness.receipts.length === CHATS);
  });
});
