import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Draft } from '../commands/decider-harness.js';
import { create, GROUP, OTHER_GROUP, send } from '../commands/drafts.js';
import { CrashHarness } from './crash-harness.js';
import { MAX_COMMAND_ATTEMPTS, range } from './worker-harness.js';

const WINDOW = 512;
const CHATS = [GROUP, OTHER_GROUP];
/** Crashes in batches of all commands, in a batch of suspects, and alone. */
const CRASHES_MAX = 2 + 1 + MAX_COMMAND_ATTEMPTS;

const nameOf = (partition: number, index: number, kills: boolean) => `${kills ? 'deadly' : 'c'}${partition}-${index}`;
const isDeadly = (commandId: string) => commandId.startsWith('deadly');

/** A chat, then its messages; those at `deadlyAt` crash the worker that decides them. */
function windowOf(partition: number, length: number, deadlyAt: readonly number[] = []): Draft[] {
  const chatId = CHATS[partition] ?? '';
  const messages = range(1, length - 1).map((index) => {
    const commandId = nameOf(partition, index, deadlyAt.includes(index));
    return send('alice', chatId, commandId, {}, { commandId });
  });
  return [create('alice', chatId, [], {}, { commandId: nameOf(partition, 0, false) }), ...messages];
}

describe('Commands redelivered after crashes', () => {
  let harness: CrashHarness;
  beforeEach(() => {
    harness = new CrashHarness(2);
    harness.isDeadly = isDeadly;
  });

  const sizes = () => harness.tried.map((ids) => ids.length);

  /** All commands but the deadly ones were accepted once and in order, and no attempt stays recorded. */
  function expectOnlyDeadLettered(partition: number, drafts: readonly Draft[], deadly: readonly string[]): void {
    const innocent = drafts.map(({ commandId }) => commandId).filter((commandId) => !deadly.includes(commandId));
    expect(harness.deadLettered.filter((id) => drafts.some(({ commandId }) => commandId === id))).to.deep.equal(deadly);
    for (const commandId of innocent) expect(harness.answers.get(commandId)?.status, commandId).to.equal('accepted');
    const events = harness.world.eventsOfChat.get(CHATS[partition] ?? '') ?? [];
    expect(events.map(({ commandId }) => commandId)).to.deep.equal(innocent);
    expect([...harness.world.attempts.keys()]).to.deep.equal([]);
  }

  for (const deliveryCount of [2, 3, 9])
    it(`cost 16 transactions for an innocent window of ${WINDOW} (delivery count ${deliveryCount})`, async () => {
      const drafts = windowOf(0, WINDOW);
      harness.put(0, deliveryCount, ...drafts);
      await harness.runUntilDone(0);
      expect(sizes()).to.deep.equal(range(1, 16).map(() => 32));
      expect(harness.otherCalls, 'one more statement before and after each transaction').to.equal(2 * 16);
      expectOnlyDeadLettered(0, drafts, []);
    });

  it('are tried alone only if they were recorded as suspects before a crash', async () => {
    const drafts = windowOf(0, WINDOW);
    harness.put(0, 2, ...drafts);
    for (const { commandId } of drafts.slice(0, 32)) harness.world.attempts.set(`0 default alice ${commandId}`, 0);
    await harness.runUntilDone(0);
    expect(sizes()).to.deep.equal([...range(1, 32).map(() => 1), ...range(1, 15).map(() => 32)]);
    expectOnlyDeadLettered(0, drafts, []);
  });

  for (const index of [1, 100, 255, 256, WINDOW - 1])
    it(`are accepted once beside a deadly one (number ${index} of ${WINDOW}), which is dead-lettered after ${CRASHES_MAX} crashes`, async () => {
      const drafts = windowOf(0, WINDOW, [index]);
      harness.put(0, 0, ...drafts);
      await harness.runUntilDone(CRASHES_MAX);
      expect(harness.crashes).to.equal(CRASHES_MAX);
      const alone = harness.tried.filter((ids) => ids.length === 1 && ids[0] === `deadly0-${index}`);
      expect(alone, 'attempts alone').to.have.length(MAX_COMMAND_ATTEMPTS);
      expectOnlyDeadLettered(0, drafts, [`deadly0-${index}`]);
    });

  it('are accepted once beside several deadly ones, each with only its own tries', async () => {
    const deadlyAt = [3, 5, 6, 30, 31, 200, 511];
    const drafts = windowOf(0, WINDOW, deadlyAt);
    harness.put(0, 0, ...drafts);
    // Two crashes in batches of all commands and three in batches of suspects; then each crashes alone.
    const crashes = 2 + 3 + MAX_COMMAND_ATTEMPTS * deadlyAt.length;
    await harness.runUntilDone(crashes);
    expect(harness.crashes).to.equal(crashes);
    expectOnlyDeadLettered(
      0,
      drafts,
      deadlyAt.map((index) => `deadly0-${index}`),
    );
  });

  it("are not dead-lettered for crashes that another partition's command causes during their tries", async () => {
    const [mine, theirs] = [windowOf(0, 8), windowOf(1, 8, [1])];
    harness.put(0, 2, ...mine);
    harness.put(1, 2, ...theirs);
    // As slow as possible, so that the other partition's command is always first.
    harness.before = async (ids) => {
      if (!ids.some((id) => id.endsWith('0-0'))) return;
      for (const _ of range(1, 200)) await setImmediate();
    };
    await harness.runUntilDone(3 * CRASHES_MAX);
    expectOnlyDeadLettered(0, mine, []);
    expectOnlyDeadLettered(1, theirs, ['deadly1-1']);
  });

  it('are accepted once, for any places of deadly commands and any delays', async () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 59 }), { maxLength: 3 });
    const turns = fc.infiniteStream(fc.integer({ min: 0, max: 6 }));
    const play = async (mine: number[], theirs: number[], slow: fc.Stream<number>, deliveryCount: number) => {
      harness = new CrashHarness(2);
      harness.isDeadly = isDeadly;
      harness.before = async () => {
        for (const _ of range(1, slow.next().value ?? 0)) await setImmediate();
      };
      const deadlyAt = [mine, theirs].map((indexes) => indexes.toSorted((a, b) => a - b));
      const windows = deadlyAt.map((indexes, partition) => windowOf(partition, 60, indexes));
      for (const [partition, drafts] of windows.entries()) harness.put(partition, deliveryCount, ...drafts);
      await harness.runUntilDone(CRASHES_MAX * (mine.length + theirs.length));
      for (const [partition, drafts] of windows.entries())
        expectOnlyDeadLettered(
          partition,
          drafts,
          deadlyAt[partition]?.map((index) => nameOf(partition, index, true)) ?? [],
        );
    };
    const property = fc.asyncProperty(numbers, numbers, turns, fc.integer({ min: 0, max: 3 }), play);
    await fc.assert(property, { numRuns: 40 });
  });
});
