import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Draft } from '../commands/decider-harness.js';
import { create, GROUP, OTHER_GROUP, send } from '../commands/drafts.js';
import { Lives } from './crash-harness.js';
import { MAX_COMMAND_ATTEMPTS, range } from './worker-harness.js';

const WINDOW = 512;
const CHATS = [GROUP, OTHER_GROUP];
/** Deaths in batches of everything, in a batch of suspects, and alone. */
const DEATHS_AT_MOST = 2 + 1 + MAX_COMMAND_ATTEMPTS;

const nameOf = (partition: number, index: number, kills: boolean) => `${kills ? 'deadly' : 'c'}${partition}-${index}`;
const isDeadly = (commandId: string) => commandId.startsWith('deadly');

/** A chat, then its messages; those at `deadlyAt` kill whoever decides them. */
function windowOf(partition: number, length: number, deadlyAt: readonly number[] = []): Draft[] {
  const chatId = CHATS[partition] ?? '';
  const messages = range(1, length - 1).map((index) => {
    const commandId = nameOf(partition, index, deadlyAt.includes(index));
    return send('alice', chatId, commandId, {}, { commandId });
  });
  return [create('alice', chatId, [], {}, { commandId: nameOf(partition, 0, false) }), ...messages];
}

describe('Commands redelivered after crashes', () => {
  let lives: Lives;
  beforeEach(() => {
    lives = new Lives(2);
    lives.isDeadly = isDeadly;
  });

  const sizes = () => lives.tried.map((ids) => ids.length);

  /** Each of them has been accepted once, in order, but for those buried; nothing is kept of any suspicion. */
  function expectOnlyBuried(partition: number, drafts: readonly Draft[], deadly: readonly string[]): void {
    const innocent = drafts.map(({ commandId }) => commandId).filter((commandId) => !deadly.includes(commandId));
    expect(lives.buried.filter((id) => drafts.some(({ commandId }) => commandId === id))).to.deep.equal(deadly);
    for (const commandId of innocent) expect(lives.answers.get(commandId)?.status, commandId).to.equal('accepted');
    const events = lives.world.eventsOfChat.get(CHATS[partition] ?? '') ?? [];
    expect(events.map(({ commandId }) => commandId)).to.deep.equal(innocent);
    expect([...lives.world.attempts.keys()]).to.deep.equal([]);
  }

  for (const deliveryCount of [2, 3, 9])
    it(`cost 16 transactions for an innocent window of ${WINDOW} (delivery count ${deliveryCount})`, async () => {
      const drafts = windowOf(0, WINDOW);
      lives.put(0, deliveryCount, ...drafts);
      await lives.live(0);
      expect(sizes()).to.deep.equal(range(1, 16).map(() => 32));
      expect(lives.notes, 'besides, one statement before and one after each of them').to.equal(2 * 16);
      expectOnlyBuried(0, drafts, []);
    });

  it('are tried alone only if they were recorded as suspects before a crash', async () => {
    const drafts = windowOf(0, WINDOW);
    lives.put(0, 2, ...drafts);
    for (const { commandId } of drafts.slice(0, 32)) lives.world.attempts.set(`0 default alice ${commandId}`, 0);
    await lives.live(0);
    expect(sizes()).to.deep.equal([...range(1, 32).map(() => 1), ...range(1, 15).map(() => 32)]);
    expectOnlyBuried(0, drafts, []);
  });

  for (const index of [1, 100, 255, 256, WINDOW - 1])
    it(`are accepted once beside a deadly one (number ${index} of ${WINDOW}), which is dead-lettered after ${DEATHS_AT_MOST} deaths`, async () => {
      const drafts = windowOf(0, WINDOW, [index]);
      lives.put(0, 0, ...drafts);
      await lives.live(DEATHS_AT_MOST);
      expect(lives.deaths).to.equal(DEATHS_AT_MOST);
      const alone = lives.tried.filter((ids) => ids.length === 1 && ids[0] === `deadly0-${index}`);
      expect(alone, 'it failed alone so many times').to.have.length(MAX_COMMAND_ATTEMPTS);
      expectOnlyBuried(0, drafts, [`deadly0-${index}`]);
    });

  it('are accepted once beside several deadly ones, each with only its own tries', async () => {
    const deadlyAt = [3, 5, 6, 30, 31, 200, 511];
    const drafts = windowOf(0, WINDOW, deadlyAt);
    lives.put(0, 0, ...drafts);
    // Five of them are suspects together, and two more by themselves; all of them came among everything at first.
    const deaths = 2 + 3 + MAX_COMMAND_ATTEMPTS * deadlyAt.length;
    await lives.live(deaths);
    expect(lives.deaths).to.equal(deaths);
    expectOnlyBuried(
      0,
      drafts,
      deadlyAt.map((index) => `deadly0-${index}`),
    );
  });

  it("are not dead-lettered for deaths that another partition's command causes during their tries", async () => {
    const [mine, theirs] = [windowOf(0, 8), windowOf(1, 8, [1])];
    lives.put(0, 2, ...mine);
    lives.put(1, 2, ...theirs);
    // As slow as they may be: the other one is always there first.
    lives.before = async (ids) => {
      if (!ids.some((id) => id.endsWith('0-0'))) return;
      for (const _ of range(1, 200)) await setImmediate();
    };
    await lives.live(3 * DEATHS_AT_MOST);
    expectOnlyBuried(0, mine, []);
    expectOnlyBuried(1, theirs, ['deadly1-1']);
  });

  it('are accepted once, for any places of deadly commands and any delays', async () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 59 }), { maxLength: 3 });
    const turns = fc.infiniteStream(fc.integer({ min: 0, max: 6 }));
    const play = async (mine: number[], theirs: number[], slow: fc.Stream<number>, deliveryCount: number) => {
      lives = new Lives(2);
      lives.isDeadly = isDeadly;
      lives.before = async () => {
        for (const _ of range(1, slow.next().value ?? 0)) await setImmediate();
      };
      const deadlyAt = [mine, theirs].map((indexes) => indexes.toSorted((a, b) => a - b));
      const windows = deadlyAt.map((indexes, partition) => windowOf(partition, 60, indexes));
      for (const [partition, drafts] of windows.entries()) lives.put(partition, deliveryCount, ...drafts);
      await lives.live(DEATHS_AT_MOST * (mine.length + theirs.length));
      for (const [partition, drafts] of windows.entries())
        expectOnlyBuried(partition, drafts, deadlyAt[partition]?.map((index) => nameOf(partition, index, true)) ?? []);
    };
    const property = fc.asyncProperty(numbers, numbers, turns, fc.integer({ min: 0, max: 3 }), play);
    await fc.assert(property, { numRuns: 40 });
  });
});
