import { expect } from 'chai';
import fc from 'fast-check';
import { PrismaStoreIdentity } from '../../../../src/adapters/stores/prisma/prisma-store-identity.js';
import { pagesOf } from '../../../unit/application/sync/fetch-page.js';
import { expectInSync } from '../../../unit/application/sync/sync-oracle.js';
import { SyncingClient } from '../../../unit/application/sync/syncing-client.js';
import { CHATS, PEOPLE, type Step, step, Traffic } from '../../../unit/application/sync/traffic.js';
import { ChangingView, type View } from '../../../unit/application/sync/views.js';
import { openPrismaStore, type PrismaHarness } from '../prisma-harness.js';
import { tablesOf } from '../tables-of.js';

const PARTITIONS = 3;
const ROUNDS = 3;
const BATCHES = 25;
const LIMIT_MAX = 12;
const TIMEOUT_MS = 120_000;
/** Archived chats are hidden, and readers see nothing. */
const HIDING: View = ['open owner', 'open admin', 'open member'];

const batches = fc.array(fc.array(step, { minLength: 4, maxLength: 16, size: 'max' }), {
  minLength: BATCHES,
  maxLength: BATCHES,
  size: 'max',
});

describe('Clients that sync during writes of several partitions in PostgreSQL', function () {
  this.timeout(TIMEOUT_MS);

  let store: PrismaHarness;
  before(async () => {
    store = await openPrismaStore();
  });
  after(() => store.close());

  it('end with the state of the database', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const traffic = await Traffic.open(store, PARTITIONS);
    const identity = new PrismaStoreIdentity(store.database);
    // Everybody has three devices, of which one asks for small pages, and one is shown only some chats.
    const everything = new ChangingView();
    const some = new ChangingView(HIDING);
    const clients = PEOPLE.flatMap((userId) =>
      (
        [
          [3, everything],
          [LIMIT_MAX, everything],
          [LIMIT_MAX, some],
        ] as const
      ).map(([limitMax, view]) => {
        const { policy } = view;
        return { userId, limitMax, view, client: new SyncingClient(pagesOf(store, userId, { policy })) };
      }),
    );
    const followed = new FollowedChats(store);
    try {
      for (const [round, rounds] of fc.sample(batches, { numRuns: ROUNDS, seed }).entries()) {
        let isWriting = true;
        const writing = Promise.all(range(PARTITIONS).map((partition) => writePartition(traffic, partition, rounds)));
        const syncing = Promise.all(
          clients.map(async ({ client, limitMax }, index) => {
            for (let page = index; isWriting; page += 1) await client.sync(1 + (page % limitMax));
          }),
        );
        const following = followed.follow(() => isWriting);
        await writing.finally(() => {
          isWriting = false;
        });
        await Promise.all([syncing, following]);
        const tables = await tablesOf(store.url);
        for (const { client, userId, limitMax, view } of clients) {
          await client.catchUp(limitMax);
          expectInSync(client, userId, tables, view);
        }
        expect(followed.lastSequences).to.deep.equal(
          Object.fromEntries(tables.chats.map(({ chatId, lastSequence }) => [chatId, lastSequence])),
        );
        if (round === ROUNDS - 1) continue;
        // Commands go elsewhere from here on, as after a change of transports: clients have walks under way.
        for (const { client } of clients) await client.sync(1);
        await identity.placeAnew('amqp');
        traffic.moveOn();
      }
    } catch (error) {
      throw new Error(`with seed ${seed}`, { cause: error });
    }
    // Nothing is shown by what never came to it.
    const total = (name: keyof SyncingClient['counts']) =>
      clients.reduce((sum, { client }) => sum + client.counts[name], 0);
    expect(total('walks')).to.be.at.least(clients.length * ROUNDS);
    expect(total('continued')).to.be.above(20);
    expect(total('departures')).to.be.above(2);
    expect(total('resets')).to.be.above(50);
    expect(total('hidden')).to.be.above(2);
    expect(total('restarts')).to.equal(0);
  });
});

/** The other way to keep up: chat by chat, with the events after the last one that is known. */
class FollowedChats {
  readonly lastSequences: { [chatId: string]: number } = {};

  constructor(private readonly store: PrismaHarness) {}

  async follow(isWriting: () => boolean): Promise<void> {
    // Once more when all is written.
    for (let isLast = false; !isLast; ) {
      isLast = !isWriting();
      for (const chatId of CHATS) await this.catchUp(chatId);
    }
  }

  private async catchUp(chatId: string): Promise<void> {
    const past = { chatId, userId: 'alice', fromSequence: 1 };
    for (let hasMore = true; hasMore; ) {
      const page = await this.store.history.listEvents(past, this.lastSequences[chatId] ?? 0, 5);
      for (const { sequence } of page.items) {
        expect(sequence, 'no gap and no repeat').to.equal((this.lastSequences[chatId] ?? 0) + 1);
        this.lastSequences[chatId] = sequence ?? 0;
      }
      hasMore = page.hasMore;
    }
  }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

async function writePartition(traffic: Traffic, partition: number, batches: Step[][]): Promise<void> {
  for (const batch of batches)
    await traffic.batch(
      partition,
      batch.filter((one) => traffic.partitionOf(one) === partition),
    );
}
