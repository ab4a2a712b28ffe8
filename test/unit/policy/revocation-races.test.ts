/**
 * Rights that are taken away while commands are under way: whatever the order in which the awaits of the owners end,
 * and whoever is replaced or loses the reply to a COMMIT meanwhile, nobody does what they had no right to when it was
 * committed.
 *
 * The in-memory store proves the decisions, PostgreSQL the locks. `PARLEY_RACES` says how many schedules there are in
 * memory, and a fiftieth of them on PostgreSQL (`npm run proof -- races`: 10,000); `PARLEY_RACES_SEED` and
 * `PARLEY_RACES_PATH`, as a failure names them, try one again.
 */
import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import type { Role } from '../../../src/domain/chat.js';
import type { StoreHarness } from '../../conformance/store/store-conformance.js';
import { openPrismaStore } from '../../integration/prisma/prisma-harness.js';
import { defaultPolicy } from '../../support/policies/default-policy.js';
import { openMemoryStore } from '../adapters/memory/memory-harness.js';
import type { Draft } from '../application/commands/decider-harness.js';
import { add, create, remove, send, updateMember } from '../application/commands/drafts.js';
import { type Plant, RaceHarness, type Step } from './race-harness.js';

const { PARLEY_RACES, PARLEY_RACES_SEED, PARLEY_RACES_PATH } = process.env;
const RACES = Number(PARLEY_RACES ?? 200);
const RACES_A_STORE_RACE = 50;
/** Number of schedules within which a planted bug must be found. */
const RACES_TO_FIND_A_FAULT = 500;
const RACE_LIMIT_MS = 300;
const STORE_RACE_LIMIT_MS = 2_000;
const STEPS_MAX = 16;
const PARTITIONS = 4;

type Move = (chatId: string) => Draft;
const MOVES: Move[] = [
  ...['bob', 'bob', 'bob', 'carol'].map(
    (who): Move =>
      (chat) =>
        send(who, chat, 'x'),
  ),
  (chat) => remove('alice', chat, 'bob'),
  (chat) => remove('bob', chat, 'bob'),
  (chat) => add('alice', chat, ['bob']),
  (chat) => updateMember('alice', chat, 'bob', { role: 'reader' }),
  (chat) => updateMember('alice', chat, 'bob', { role: 'admin' }),
  (chat) => remove('bob', chat, 'carol'),
];
const step = fc.record({
  move: fc.constantFrom(...MOVES),
  batch: fc.integer({ min: 1, max: 4 }),
  mishap: fc.constantFrom<Step['mishap']>(null, null, null, 'taken over', 'no reply'),
});

/** Commands that took effect without permission as of their sequence, by an independent form of the default policy. */
function wrongs(events: readonly LoggedEvent[]): string[] {
  const roles = new Map<string, Role>();
  return events.flatMap(({ actorId, sequence, event }) => {
    const role = roles.get(actorId);
    const wrong: string[] = [];
    if (event.type === 'chat.created' || event.type === 'member.added')
      for (const member of event.members) roles.set(member.userId, member.role);
    if (event.type === 'message.created' && (role === undefined || role === 'reader'))
      wrong.push(`${sequence}: ${actorId} wrote as ${role}`);
    if (event.type === 'member.removed') {
      if (!event.left && role !== 'owner' && role !== 'admin') wrong.push(`${sequence}: ${actorId} removed as ${role}`);
      if (event.left && role === undefined) wrong.push(`${sequence}: ${actorId} left twice`);
      roles.delete(event.userId);
    }
    if (event.type === 'member.updated') roles.set(event.userId, event.role);
    return wrong;
  });
}

function race(store: () => StoreHarness, plant: Plant | null) {
  let races = 0;
  return fc.asyncProperty(
    fc.scheduler(),
    fc.array(step, { minLength: 3, maxLength: STEPS_MAX }),
    async (scheduler, moves) => {
      const chatId = randomUUID();
      races += 1;
      const steps: Step[] = [
        { draft: create('alice', chatId, ['bob', 'carol']), batch: 1, mishap: null },
        ...moves.map(({ move, batch, mishap }) => ({ draft: move(chatId), batch, mishap })),
      ];
      const options = {
        scheduler,
        store: store(),
        partition: races % PARTITIONS,
        policy: defaultPolicy(),
        steps,
        plant,
      };
      const harness = new RaceHarness(options);
      const events = (await harness.run()).filter((event) => event.chatId === chatId);
      expect(wrongs(events)).to.deep.equal([]);
      expect(events.map(({ sequence }) => sequence)).to.deep.equal(events.map((_, index) => index + 1));
      expect(harness.answers.size, 'every command is answered').to.equal(steps.length);
      const numbered = [...harness.answers.values()].filter(({ sequence }) => sequence !== null);
      expect(numbered.length, 'every number is answered once').to.equal(events.length);
    },
  );
}

describe('A right that is revoked while commands are in progress', () => {
  let store: StoreHarness;
  const again = {
    ...(PARLEY_RACES_SEED === undefined ? {} : { seed: Number(PARLEY_RACES_SEED) }),
    ...(PARLEY_RACES_PATH === undefined ? {} : { path: PARLEY_RACES_PATH }),
  };
  afterEach(() => store.close());

  const open = async (opened: Promise<StoreHarness>) => {
    store = await opened;
    await store.registry.settle({ namespace: 'chat', partitions: PARTITIONS });
  };

  it(`permits nothing after the commit of its revocation, in ${RACES} schedules in memory`, async function () {
    this.timeout(10_000 + RACES * RACE_LIMIT_MS);
    await open(openMemoryStore());
    await fc.assert(
      race(() => store, null),
      { numRuns: RACES, ...again },
    );
  });

  const storeRaces = Math.ceil(RACES / RACES_A_STORE_RACE);
  it(`… and in ${storeRaces} on PostgreSQL`, async function () {
    this.timeout(20_000 + storeRaces * STORE_RACE_LIMIT_MS);
    await open(openPrismaStore());
    await fc.assert(
      race(() => store, null),
      { numRuns: storeRaces, ...again },
    );
  });

  for (const plant of ['decisions kept per actor and action', 'memberships kept from batch to batch'] as const)
    it(`fails this check with ${plant}`, async function () {
      this.timeout(10_000 + RACES_TO_FIND_A_FAULT * RACE_LIMIT_MS);
      await open(openMemoryStore());
      const { failed } = await fc.check(
        race(() => store, plant),
        { numRuns: RACES_TO_FIND_A_FAULT, endOnFailure: true },
      );
      expect(failed).to.equal(true);
    });
});
