/**
 * `PARLEY_MODEL_RUNS` sets the number of runs on each store (`npm run proof -- model`: many). `PARLEY_MODEL_SEED` and
 * `PARLEY_MODEL_PATH`, which a failure prints, repeat that run.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { CHATLESS_COMMANDS, commandTypes } from '../../../src/contract/messages/commands.js';
import { refusalCodes } from '../../../src/contract/messages/problems.js';
import type { OpenStore, StoreHarness } from '../../conformance/store/store-conformance.js';
import { EmptiedStore } from '../../integration/prisma/emptied-store.js';
import type { PrismaHarness } from '../../integration/prisma/prisma-harness.js';
import { openMemoryStore } from '../../unit/adapters/memory/memory-harness.js';
import { type Intent, intent, type Move, move, SYNCING } from './intents.js';
import { Model } from './model.js';
import { carried, moveBetween, selectionOf } from './moving.js';
import { Trial } from './trial.js';

const { PARLEY_MODEL_RUNS, PARLEY_MODEL_SEED, PARLEY_MODEL_PATH } = process.env;
const COMMANDS_MAX = 400;
/** Number of commands after chats were moved. */
const COMMANDS_ELSEWHERE_MAX = 40;
/** Time limit for shrinking a failure. */
const SHRINKING_LIMIT_MS = 60_000;
/** Time limit of a run on PostgreSQL, on a busy machine. */
const RUN_LIMIT_MS = 40_000;
/** After this time the smallest failure so far is reported. */
const REPORT_LIMIT_MS = 10_000;
/** Outcomes that these commands cannot have: no text is too large, and there are no quotas and no moderator. */
const NEVER = ['too_large', 'rate_limited', 'moderated'];
/** Counts of the syncing clients. */
const SYNCED = ['continued', 'resets', 'departures', 'hidden'] as const;

const here = new EmptiedStore();
const elsewhere = new EmptiedStore();
const stores: [name: string, open: OpenStore, runs: number][] = [
  ['the in-memory store', openMemoryStore, 14],
  ['PostgreSQL', () => here.open(), 4],
];

/** The number of each outcome, and of each accepted command type with a sequence. */
const outcomes = new Map<string, number>();
const note = (what: string, count: number) => outcomes.set(what, (outcomes.get(what) ?? 0) + count);

function noteOutcomes({ outcomes: some, devices }: Trial): void {
  for (const [what, count] of some) note(what, count);
  for (const what of SYNCED) note(what, devices.count(what));
}

/** The in-memory store has no archives. */
function hasArchives(store: StoreHarness): store is PrismaHarness {
  return 'database' in store;
}

/** Moved chats are unchanged, and accept commands. */
async function goOnElsewhere({ world }: Trial, from: PrismaHarness, where: Move, intents: readonly Intent[]) {
  const selection = selectionOf(where);
  const moved = carried(world, selection);
  const to = await elsewhere.open();
  const trial = await Trial.on(to, new Model(moved));
  // Before any command, so that they see the moved chats as new.
  for (const who of SYNCING) await trial.devices.sync({ who, size: 1, whole: false });
  if (!(await moveBetween(from, to, selection, moved))) return;
  await trial.observer.lookAtEverything();
  await trial.run(intents);
  noteOutcomes(trial);
}

for (const [name, open, defaultRuns] of stores)
  describe(`Random commands by several people, cut into random batches, on ${name}`, function () {
    const numRuns = Number(PARLEY_MODEL_RUNS ?? defaultRuns);
    const limitMs = SHRINKING_LIMIT_MS + numRuns * RUN_LIMIT_MS;
    this.timeout(limitMs + REPORT_LIMIT_MS);
    after(() => Promise.all([here.close(), elsewhere.close()]));

    it('match a plain model: every receipt, sequence, page, unread count, event, syncing client and archive', async () => {
      // Without fast-check's bias towards short runs.
      const commands = (maxLength: number) => fc.noBias(fc.array(intent, { maxLength, size: 'max' }));
      const property = fc.asyncProperty(
        ...([commands(COMMANDS_MAX), move, commands(COMMANDS_ELSEWHERE_MAX)] as const),
        async (intents, where, more) => {
          const store = await open();
          const trial = await Trial.on(store);
          await trial.begin();
          await trial.run(intents);
          noteOutcomes(trial);
          if (where !== null && hasArchives(store)) await goOnElsewhere(trial, store, where, more);
        },
      );
      await fc.assert(property, {
        numRuns,
        ...{ interruptAfterTimeLimit: limitMs, markInterruptAsFailure: true },
        ...(PARLEY_MODEL_SEED === undefined ? {} : { seed: Number(PARLEY_MODEL_SEED) }),
        ...(PARLEY_MODEL_PATH === undefined ? {} : { path: PARLEY_MODEL_PATH }),
      });
    });
  });

describe('The random commands of all these runs', () => {
  it('reach every outcome, and an effect of each command type', function () {
    // A single repeated run does not reach all.
    if (PARLEY_MODEL_SEED !== undefined || outcomes.size === 0) this.skip();
    if (PARLEY_MODEL_RUNS !== undefined)
      console.log(`      ${[...outcomes].map((entry) => entry.join(' ')).join(', ')}`);
    const refusals = Object.keys(refusalCodes).filter((code) => !NEVER.includes(code));
    const unnumbered: string[] = [...CHATLESS_COMMANDS, 'chat.read', 'chat.delivered', 'chat.hide', 'chat.unhide'];
    const numbered = commandTypes.filter((type) => !unnumbered.includes(type));
    const answers = ['accepted', 'unchanged', 'replayed', 'misrouted', 'pruned', ...refusals];
    expect([...outcomes.keys()]).to.have.members([...answers, ...numbered, 'fenced', ...SYNCED]);
    for (const [what, count] of outcomes) expect(count, what).to.be.above(0);
  });
});
