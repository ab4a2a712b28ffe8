import { expect } from 'chai';
import fc from 'fast-check';
import { PrismaStoreIdentity } from '../../../src/adapters/prisma/prisma-store-identity.js';
import type { Chat, Member } from '../../../src/domain/chat.js';
import type { Message, Reaction } from '../../../src/domain/message.js';
import { pagesOf } from '../../application/sync/fetch-page.js';
import { SyncingClient } from '../../application/sync/syncing-client.js';
import { PEOPLE, type Step, step, Traffic } from '../../application/sync/traffic.js';
import { expectInSync, type Tables } from '../../application/sync/truth.js';
import { openPrismaStore, type PrismaHarness, withConnection } from './prisma-harness.js';

const PARTITIONS = 3;
const ROUNDS = 3;
const BATCHES = 25;
const LIMIT_MAX = 12;
const TIMEOUT_MS = 120_000;

const batches = fc.array(fc.array(step, { minLength: 4, maxLength: 16, size: 'max' }), {
  minLength: BATCHES,
  maxLength: BATCHES,
  size: 'max',
});

describe('Clients that sync while several partitions are written to in PostgreSQL', function () {
  this.timeout(TIMEOUT_MS);

  let store: PrismaHarness;
  before(async () => {
    store = await openPrismaStore();
  });
  after(() => store.close());

  it('end up with what the database has for them', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const traffic = await Traffic.open(store, PARTITIONS);
    const identity = new PrismaStoreIdentity(store.database);
    // Everybody has two devices, of which one asks for small pages.
    const clients = PEOPLE.flatMap((userId) =>
      [3, LIMIT_MAX].map((limitMax) => ({ userId, limitMax, client: new SyncingClient(pagesOf(store, userId)) })),
    );
    try {
      for (const [round, rounds] of fc.sample(batches, { numRuns: ROUNDS, seed }).entries()) {
        let isWriting = true;
        const writing = Promise.all(range(PARTITIONS).map((partition) => writePartition(traffic, partition, rounds)));
        const syncing = Promise.all(
          clients.map(async ({ client, limitMax }, index) => {
            for (let page = index; isWriting; page += 1) await client.sync(1 + (page % limitMax));
          }),
        );
        await writing.finally(() => {
          isWriting = false;
        });
        await syncing;
        const tables = await tablesOf(store.url);
        for (const { client, userId, limitMax } of clients) {
          await client.catchUp(limitMax);
          expectInSync(client, userId, tables);
        }
        if (round === ROUNDS - 1) continue;
        // Commands go elsewhere from here on, as after a change of transports: clients have walks under way.
        for (const { client } of clients) await client.sync(1);
        await identity.placeAnew('ring');
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
    expect(total('departures')).to.be.above(5);
    expect(total('resets')).to.be.above(50);
  });
});

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

function tablesOf(url: string): Promise<Tables> {
  return withConnection(url, async (sql) => {
    const rows = async <Row>(statement: string) => (await sql.query(statement)).rows as Row[];
    return {
      chats: await rows<Chat>(`
        SELECT chat_id AS "chatId", title, history_visibility AS "historyVisibility", archived_at AS "archivedAt",
          member_count AS "memberCount", last_sequence::float8 AS "lastSequence", last_ordinal::float8 AS "lastOrdinal"
        FROM chats`),
      members: await rows<Member>(`
        SELECT chat_id AS "chatId", user_id AS "userId", role, joined_sequence::float8 AS "joinedSequence",
          read_sequence::float8 AS "readSequence", read_ordinal::float8 AS "readOrdinal" FROM members`),
      messages: await rows<Message>(`
        SELECT chat_id AS "chatId", message_id AS "messageId", sequence::float8 AS sequence, body, deleted_at AS "deletedAt"
        FROM messages`),
      reactions: await rows<Reaction>(`
        SELECT message_id AS "messageId", emoji, user_id AS "userId" FROM reactions`),
    };
  });
}
