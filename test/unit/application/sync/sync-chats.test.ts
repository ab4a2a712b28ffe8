import { expect } from 'chai';
import fc from 'fast-check';
import { MemoryCommandStore } from '../../../../src/adapters/stores/memory/memory-command-store.js';
import { MemoryDecisionLog } from '../../../../src/adapters/stores/memory/memory-decision-log.js';
import { MemoryEventLog } from '../../../../src/adapters/stores/memory/memory-event-log.js';
import { MemoryPartitionRegistry } from '../../../../src/adapters/stores/memory/memory-partition-registry.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { MemoryChatQueries } from '../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { MemorySyncLog } from '../../../../src/adapters/stores/memory/queries/memory-sync-log.js';
import { pagesOf } from './fetch-page.js';
import { interrupted } from './interrupted-sync-log.js';
import { SyncClient } from './sync-client.js';
import { expectInSync, type Tables } from './sync-oracle.js';
import { SyncingClient } from './syncing-client.js';
import { PEOPLE, type Step, step, Traffic } from './traffic.js';
import { ChangingView, view } from './views.js';

const PARTITIONS = 3;
const RUNS = 40;
const TURNS_MAX = 160;
const TIMEOUT_MS = 120_000;

const steps = fc.array(step, { minLength: 1, maxLength: 6 });
const turn = fc.oneof(
  { weight: 24, arbitrary: fc.record({ play: steps }) },
  {
    weight: 32,
    arbitrary: fc.record({
      sync: fc.nat(PEOPLE.length - 1),
      limit: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 60 })),
      /** What happens between the statements of the page. */
      meanwhile: fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant('all chats are placed anew' as const) },
  { weight: 1, arbitrary: fc.record({ policy: view }) },
);

function tablesOf(world: MemoryTables): Tables {
  return {
    chats: [...world.chats.values()],
    members: [...world.members.values()].flatMap((members) => [...members.values()]),
    messages: [...world.messages.values()],
    reactions: [...world.reactions].flatMap(([messageId, byEmoji]) =>
      [...byEmoji].flatMap(([emoji, users]) => [...users].map((userId) => ({ messageId, emoji, userId }))),
    ),
  };
}

function storeOn(world: MemoryTables) {
  return {
    commands: new MemoryCommandStore(world),
    registry: new MemoryPartitionRegistry(world),
    log: new MemoryEventLog(world),
    queries: new MemoryChatQueries(world),
    sync: new MemorySyncLog(world),
    decisions: new MemoryDecisionLog(world),
  };
}

describe('A client that only syncs', function () {
  this.timeout(TIMEOUT_MS);

  it('ends with the state of the store, for any changes between and within its pages of any size', async () => {
    const counts = { ...new SyncingClient(async () => null).counts };
    const outcomes = new Map<string, number>();
    let played = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(turn, { maxLength: TURNS_MAX, size: 'max' }),
        fc.integer({ min: 1, max: 7 }),
        view,
        async (turns, lastLimit, firstView) => {
          const world = new MemoryTables();
          const store = storeOn(world);
          const traffic = await Traffic.open(store, PARTITIONS);
          const play = (some: readonly Step[]) => {
            played += some.length;
            return traffic.play(some);
          };
          let waiting: Step[][] = [];
          const log = interrupted(store.sync, () => play(waiting.shift() ?? []));
          const changing = new ChangingView(firstView);
          const { policy } = changing;
          const clients = PEOPLE.map((userId) => {
            const reference = new SyncClient(userId, changing, world.eventsOfChat);
            const client: SyncingClient = new SyncingClient(
              pagesOf(store, userId, {
                ...{ syncLog: log, policy },
                look: (since, page) => void reference.look(since, page, (chatId) => client.chats.has(chatId)),
              }),
            );
            return client;
          });
          let isPlacedAnew = false;
          for (const one of turns) {
            if (one === 'all chats are placed anew') {
              for (const chat of world.chats.values()) chat.partition = null;
              traffic.moveOn();
              isPlacedAnew = true;
            } else if ('policy' in one) changing.shown = one.policy;
            else if ('play' in one) await play(one.play);
            else {
              waiting = one.meanwhile;
              await clients[one.sync]?.sync(one.limit);
              waiting = [];
            }
          }
          const tables = tablesOf(world);
          for (const [index, userId] of PEOPLE.entries()) {
            const client = clients[index] as SyncingClient;
            await client.catchUp(lastLimit);
            expectInSync(client, userId, tables, changing);
            const { events, resets, departures, hidden } = client.counts;
            await client.catchUp(lastLimit);
            // Who has everything is given nothing, but for chats of which it is not known where they stood.
            expect(client.counts).to.include({ events, resets, departures, hidden });
            if (!isPlacedAnew) expect(client.hadNothingNew).to.equal(true);
            for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] += client.counts[name];
          }
          for (const [outcome, count] of traffic.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
        },
      ),
      { numRuns: RUNS, endOnFailure: true },
    );
    // Nothing is shown by what never came to it.
    expect(played).to.be.above(5_000);
    expect(counts.resets).to.be.above(250);
    expect(counts.departures).to.be.above(20);
    expect(counts.hidden).to.be.above(15);
    expect(counts.restarts).to.be.above(50);
    expect(counts.continued).to.be.above(250);
    for (const type of ['message.send', 'message.edit', 'message.delete', 'message.react', 'message.unreact'])
      expect(outcomes.get(`${type} accepted`), type).to.be.above(3);
    for (const type of ['chat.create', 'chat.update', 'chat.archive', 'chat.read', 'member.add', 'member.remove'])
      expect(outcomes.get(`${type} accepted`), type).to.be.above(3);
  });

  it('gets a chat that becomes visible after the cut once, with the next walk', async () => {
    const world = new MemoryTables();
    const store = storeOn(world);
    const traffic = await Traffic.open(store, PARTITIONS);
    const does = (act: Step['act']) => traffic.play([{ act, chat: 0, actor: 'bob', whom: 'bob', pick: 1 }]);
    let meanwhile = async () => {};
    const syncLog = interrupted(store.sync, () => meanwhile());
    const { policy } = new ChangingView(['open owner', 'open member']);
    const bob = new SyncingClient(pagesOf(store, 'bob', { syncLog, policy }));
    await does('create');
    await does('archive');
    await bob.sync(10);
    meanwhile = () => does('unarchive');
    await bob.sync(10);
    expect(bob.counts).to.include({ resets: 0, events: 0 });
    await bob.catchUp(10);
    expect(bob.counts).to.include({ resets: 1, events: 3 });
    expectInSync(bob, 'bob', tablesOf(world), new ChangingView(['open owner', 'open member']));
  });

  it('continues after a history that is hidden during a page, and resets the chat with the next walk', async () => {
    const world = new MemoryTables();
    const store = storeOn(world);
    const traffic = await Traffic.open(store, PARTITIONS);
    const does = (...acts: Step['act'][]) =>
      traffic.play(acts.map((act) => ({ act, chat: 0, actor: 'alice', whom: 'bob', pick: 1 })));
    const view = new ChangingView();
    const bob = new SyncingClient(pagesOf(store, 'bob', { policy: view.policy }));
    await does('create', 'say', 'say', 'remove', 'add', 'say');
    await bob.sync(1);
    await does('hide');
    await bob.catchUp(1);
    expect(bob.counts).to.include({ resets: 2, gaps: 1 });
    expectInSync(bob, 'bob', tablesOf(world), view);
  });
});
