import { expect } from 'chai';
import type pg from 'pg';
import { prismaCapabilities } from '../../../src/adapters/stores/prisma/prisma-capabilities.js';
import { assertMigrated, pingDatabase } from '../../../src/adapters/stores/prisma/prisma-database.js';
import { receiptKey, StoreError, userKey } from '../../../src/application/ports/store/command-store.js';
import {
  aChat,
  aChatWithMessages,
  anEvent,
  aReceipt,
  aReceiptRecord,
  aUser,
  failsAs,
  Owner,
  rejection,
  revised,
} from '../../conformance/store/fixtures.js';
import { past } from '../../conformance/store/queries/views.js';
import { storeConformance } from '../../conformance/store/store-conformance.js';
import {
  lockWaiters,
  openPrismaStore,
  type PrismaHarness,
  prismaStore,
  WAITS_FOR_LOCKS,
  withConnection,
} from './prisma-harness.js';
import { plantReceipts } from './receipts/planted-receipts.js';

describe('the Prisma store', () => {
  storeConformance(prismaCapabilities, openPrismaStore);

  describe('on PostgreSQL', () => {
    let store: PrismaHarness;
    let owner: Owner;
    before(async () => {
      store = await openPrismaStore(WAITS_FOR_LOCKS);
    });
    beforeEach(async () => {
      owner = await Owner.of(store);
    });
    after(() => store.close());

    /** Another worker's transaction that holds the key of a receipt until `end`. */
    const plantReceipt = async (sql: pg.Client, commandId: string) => {
      await sql.query('BEGIN');
      await sql.query(plantReceipts('VALUES ($1)'), [commandId]);
    };

    it('takes a partition over only after the transaction of its previous owner', async () => {
      await withConnection(store.url, async (sql) => {
        const record = aReceiptRecord();
        await plantReceipt(sql, record.commandId);
        const batch = owner.write((at) => {
          const made = aChatWithMessages(at, 2);
          return { ...made, chatsCreated: [made.chat], receipts: [record] };
        });
        await lockWaiters(sql, 1);
        const takeOver = store.registry.acquire(0, 'successor');
        await lockWaiters(sql, 2);
        await sql.query('ROLLBACK');
        const { events } = await batch;
        expect((await takeOver).position).to.equal(events.at(-1)?.position);
      });
    });

    const rejectedCommands = (at: number, count: number) =>
      Array.from({ length: count }, (_, index) => anEvent(at + 1 + index, { type: 'command.rejected', receipt: {} }));
    const OLD = new Date(Date.now() + 86_400_000);

    it('prunes beside a batch, which waits only for the commit, and raises the floor of the row that the batch has changed', async () => {
      await withConnection(store.url, async (sql) => {
        const partition = 2;
        const writer = await Owner.of(store, partition, 'writer');
        const write = (count: number, publishedThrough = 0) =>
          writer.write(
            (at) => ({ events: rejectedCommands(at, count).map((event) => ({ ...event, partition })) }),
            publishedThrough,
          );
        const { events } = await write(6);
        await write(1, events.at(-1)?.position ?? 0);
        // A batch that holds the row of the partition.
        await sql.query('BEGIN');
        await sql.query('UPDATE partitions SET position = position WHERE partition = $1', [partition]);
        const pruning = store.commands.pruneRejectedCommands(partition, OLD, 4);
        await lockWaiters(sql, 1);
        await sql.query('COMMIT');
        expect(await pruning).to.equal(4);
        const { rows } = await sql.query(
          `SELECT position::int4, published_through::int4 AS published, log_floor::int4 AS floor, log_pruned::int4 AS pruned
           FROM partitions WHERE partition = $1`,
          [partition],
        );
        expect(rows).to.deep.equal([{ position: 7, published: 6, floor: 4, pruned: 4 }]);
      });
    });

    it('prunes with several concurrent workers: each row is deleted and counted once', async () => {
      const partition = 3;
      const writer = await Owner.of(store, partition, 'writer');
      const events = Array.from({ length: 60 }, (_, index) => index);
      const { events: written } = await writer.write((at) => ({
        events: rejectedCommands(at, events.length).map((event) => ({ ...event, partition })),
      }));
      const last = written.at(-1)?.position ?? 0;
      await store.registry.savePublished(partition, writer.ownership.epoch, last);
      const prune = () => store.commands.pruneRejectedCommands(partition, OLD, 10);
      let pruned = 0;
      while (pruned < events.length)
        pruned += (await Promise.all([prune(), prune(), prune()])).reduce((sum, rows) => sum + rows, 0);
      expect(pruned).to.equal(events.length);
      expect(await store.log.readEvents(partition, 0, 1_000)).to.deep.equal([]);
      const { rows } = await withConnection(store.url, (sql) =>
        sql.query('SELECT log_floor::int4 AS floor, log_pruned::int4 AS pruned FROM partitions WHERE partition = $1', [
          partition,
        ]),
      );
      expect(rows).to.deep.equal([{ floor: last, pruned: events.length }]);
    });

    it('finds rows to prune by index, without reading the rest of the log', async () => {
      await withConnection(store.url, async (sql) => {
        const [row] = (
          await sql.query(
            `SELECT pg_get_functiondef('prune_rejected_commands(integer, timestamptz, integer)'::regprocedure) AS text`,
          )
        ).rows as { text: string }[];
        const body = /\$function\$([\s\S]*)\$function\$/.exec(row?.text ?? '')?.[1] ?? '';
        const filled = body
          .replaceAll('of_partition', '0')
          .replaceAll('< before', "< now() - interval '3 days'")
          .replaceAll('at_most', '5000');
        await sql.query('SET enable_seqscan = off');
        const { rows } = await sql.query(`EXPLAIN ${filled}`);
        const plan = rows.map((line) => Object.values(line)[0]).join('\n');
        expect(plan).to.match(/using chat_events_rejected_idx/);
        expect(plan).to.not.match(/Seq Scan/);
      });
    });

    it('writes nothing of a batch whose partition is taken over during the decision', async () => {
      await withConnection(store.url, async (sql) => {
        await sql.query('BEGIN');
        await sql.query('UPDATE partitions SET epoch = epoch + 1 WHERE partition = 0');
        const chat = aChat();
        const record = aReceiptRecord();
        for (const writes of [{ receipts: [record] }, { chatsCreated: [chat], receipts: [record] }]) {
          const batch = failsAs(
            owner.write(() => writes),
            'contention',
          );
          await lockWaiters(sql, 1);
          await sql.query('COMMIT');
          await batch;
          // It is told that it is not the owner as soon as it asks again.
          const again = await owner.transact({}, () => expect.fail('was asked'));
          expect(again).to.deep.equal({ outcome: 'fenced', partitions: [0] });
          owner = await Owner.of(store);
          const { chats, receipts } = await owner.read({ chats: [chat.chatId], receipts: [record] });
          expect([chats.size, receipts.size]).to.deep.equal([0, 0]);
          await sql.query('BEGIN');
          await sql.query('UPDATE partitions SET epoch = epoch + 1 WHERE partition = 0');
        }
        await sql.query('ROLLBACK');
      });
    });

    describe('counting the chats of users', () => {
      const changeOf = (userId: string, joined = 1) => ({ tenantId: 'default', userId, created: 0, joined });
      const joinedOf = async (userId: string) => {
        const user = { tenantId: 'default', userId };
        return (await owner.read({ userChats: [user] })).userChats.get(userKey(user))?.joined;
      };

      it('waits for another batch that changes the same user, and adds to its result', async () => {
        const other = await Owner.of(store, 1);
        await withConnection(store.url, async (sql) => {
          for (const [name, ending, there] of [
            ['committed', 'COMMIT', 2],
            ['rolled back', 'ROLLBACK', 1],
          ] as const) {
            const userId = `waits-${name.replace(' ', '-')}`;
            await sql.query('BEGIN');
            await sql.query(`INSERT INTO user_chats VALUES ('default', '${userId}', 0, 1)`);
            const writing = other.write(() => ({ userChats: { changes: [changeOf(userId)], max: 2 } }));
            await lockWaiters(sql, 1);
            await sql.query(ending);
            await writing;
            expect(await joinedOf(userId), name).to.equal(there);
          }
          await sql.query('BEGIN');
          await sql.query(`INSERT INTO user_chats VALUES ('default', 'last-place', 0, 1)`);
          const writing = failsAs(
            other.write(() => ({ userChats: { changes: [changeOf('last-place')], max: 1 } })),
            'contention',
          );
          await lockWaiters(sql, 1);
          await sql.query('COMMIT');
          await writing;
          expect(await joinedOf('last-place')).to.equal(1);
        });
      });

      it('never deadlocks, for any order of users, chats and receipts in batches of several partitions', async () => {
        const ROUNDS = 40;
        const owners = [owner, await Owner.of(store, 1), await Owner.of(store, 2)];
        const users = Array.from({ length: 12 }, (_, n) => `crossed-${n}`);
        for (let round = 0; round < ROUNDS; round += 1)
          await Promise.all(
            owners.map((one, partition) => {
              const order = users.toSorted(() => Math.random() - 0.5);
              // Every other batch creates a chat.
              const chatsCreated = (round + partition) % 2 === 0 ? [aChat({ partition })] : [];
              return one.write(() => ({
                chatsCreated,
                userChats: { changes: order.map((userId) => changeOf(userId)), max: ROUNDS * 3 },
                receipts: [aReceiptRecord(), aReceiptRecord()],
              }));
            }),
          );
        for (const userId of users) expect(await joinedOf(userId)).to.equal(ROUNDS * owners.length);
      });

      it('accepts users up to the limit, from any number of partitions', async () => {
        const MAX = 5;
        const owners = [owner, await Owner.of(store, 1), await Owner.of(store, 2)];
        const decide = async (one: Owner): Promise<number> => {
          let admitted = 0;
          for (let attempts = 0; attempts < 20; attempts += 1) {
            const user = { tenantId: 'default', userId: 'sought-after' };
            const done = await one
              .transact({ userChats: [user] }, ({ userChats }) => {
                const hasRoom = (userChats.get(userKey(user))?.joined ?? 0) < MAX;
                return {
                  writes: { userChats: { changes: hasRoom ? [changeOf(user.userId)] : [], max: MAX } },
                  value: hasRoom,
                };
              })
              .catch((error: unknown) => {
                if (error instanceof StoreError && error.kind === 'contention') return null;
                throw error;
              });
            if (done?.outcome === 'committed' && done.value) admitted += 1;
          }
          return admitted;
        };
        const counts = await Promise.all(owners.map(decide));
        expect(counts.reduce((sum, count) => sum + count)).to.equal(MAX);
        expect(await joinedOf('sought-after')).to.equal(MAX);
      });
    });

    it('writes only one of two batches of a partition that were decided on the same state', async () => {
      await withConnection(store.url, async (sql) => {
        const [first, second] = [aReceiptRecord(), aReceiptRecord()];
        await plantReceipt(sql, first.commandId);
        const writing = owner.write((at) => ({ events: aChatWithMessages(at, 2).events, receipts: [first] }));
        await lockWaiters(sql, 1);
        const late = failsAs(
          owner.write(() => ({ receipts: [second] })),
          'contention',
        );
        await lockWaiters(sql, 2);
        await sql.query('ROLLBACK');
        await writing;
        await late;
        expect([...(await owner.read({ receipts: [first, second] })).receipts.keys()]).to.deep.equal([
          receiptKey(first),
        ]);
      });
    });

    it('reports contention with a batch of another partition that commits the same command meanwhile', async () => {
      await withConnection(store.url, async (sql) => {
        const record = aReceiptRecord();
        const chat = aChat();
        await plantReceipt(sql, record.commandId);
        const batch = rejection(owner.write(() => ({ chatsCreated: [chat], receipts: [record] })));
        await lockWaiters(sql, 1);
        await sql.query('COMMIT');
        expect(await batch)
          .to.be.instanceOf(StoreError)
          .and.include({ kind: 'contention' });
        expect((await owner.read({ chats: [chat.chatId] })).chats.size).to.equal(0);
      });
    });

    it('finds commands by key, even if the table has grown since the lookup was planned', async () => {
      const empty = await openPrismaStore();
      try {
        const reader = await Owner.of(empty);
        const receipts = Array.from({ length: 256 }, (_, index) =>
          aReceiptRecord(aReceipt({ commandId: `new-${index}` })),
        );
        const fastestRead = async (rounds: number) => {
          let fastest = Number.POSITIVE_INFINITY;
          for (let round = 0; round < rounds; round += 1) {
            const began = performance.now();
            await reader.read({ receipts });
            fastest = Math.min(fastest, performance.now() - began);
          }
          return fastest;
        };
        await withConnection(empty.url, async (sql) => {
          await sql.query('ANALYZE');
          // Often enough for the plan to be kept.
          const whileEmpty = await fastestRead(10);
          await sql.query(plantReceipts("SELECT 'old-' || n FROM generate_series(1, 20000) n"));
          // Comparing each row with each key took some hundred times as long.
          expect(await fastestRead(3)).to.be.below(whileEmpty * 20);
        });
      } finally {
        await empty.close();
      }
    });

    it('applies a batch once without deadlocks, for any shared users and commands', async () => {
      const owners = await Promise.all([0, 1, 2, 3].map((partition) => Owner.of(store, partition)));
      const names = Array.from({ length: 20 }, (_, index) => `crowd-${index}`);
      const users = names.map((userId) => ({ tenantId: 'default', userId }));
      const rounds = 10;
      const outcomes = new Set<string>();

      /** One more revision of every profile, unless the round's commands have been answered already. */
      const playRound = (owner: Owner, round: number, inOrder: <T>(rows: T[]) => T[]) => {
        const records = names.map((name) => aReceiptRecord(aReceipt({ commandId: `${name}-${round}` })));
        return owner.transact({ users, receipts: records }, (snapshot) => {
          if (snapshot.receipts.size > 0) return { writes: {}, value: null };
          const profiles = users.map((key) =>
            aUser(key.userId, { revision: (snapshot.users.get(userKey(key))?.revision ?? 0) + 1 }),
          );
          return { writes: { users: inOrder(profiles.map(revised)), receipts: inOrder(records) }, value: null };
        });
      };
      await Promise.all(
        owners.map(async (each, index) => {
          for (let round = 0; round < rounds; round += 1) {
            let outcome = 'contention';
            while (outcome === 'contention') {
              outcome = await playRound(each, round, (rows) => (index % 2 === 0 ? rows : rows.toReversed())).then(
                (result) => result.outcome,
                (error: StoreError) => error.kind,
              );
            }
            outcomes.add(outcome);
          }
        }),
      );
      expect([...outcomes]).to.deep.equal(['committed']);
      const revisions = await Promise.all(users.map(async (key) => (await store.queries.findUser(key))?.revision));
      expect(revisions).to.deep.equal(users.map(() => rounds));
    });

    it('makes the second caller of exclusive work wait for the lock that a connection of the first one holds', async () => {
      await withConnection(store.url, async (sql) => {
        let finish: () => void = () => undefined;
        let first: Promise<void> | null = null;
        await new Promise<void>((working) => {
          first = store.transportState.exclusively(() => {
            working();
            return new Promise<void>((resolve) => {
              finish = resolve;
            });
          });
        });
        const ran: string[] = [];
        const second = store.transportState.exclusively(async () => {
          ran.push('second');
        });
        await lockWaiters(sql, 1);
        expect(ran).to.deep.equal([]);
        finish();
        await Promise.all([first, second]);
        expect(ran).to.deep.equal(['second']);
      });
    });

    it('removes a worker without a heartbeat for a minute', async () => {
      await withConnection(store.url, async (sql) => {
        await store.registry.heartbeat('silent', 1_000);
        await sql.query(`UPDATE workers SET heartbeat_at = now() - interval '61 seconds' WHERE worker_id = 'silent'`);
        const { workers } = await store.registry.heartbeat('awake', 120_000);
        expect(workers).to.deep.equal(['awake']);
        const { rowCount } = await sql.query(`SELECT 1 FROM workers WHERE worker_id = 'silent'`);
        expect(rowCount).to.equal(0);
      });
    });

    it('reads the event of a message whose text or row was deleted without a text', async () => {
      const { chat, messages, events } = await owner.write((at) => {
        const made = aChatWithMessages(at, 2);
        return { ...made, chatsCreated: [made.chat] };
      });
      await withConnection(store.url, async (sql) => {
        await sql.query('UPDATE messages SET body = NULL, mentions = NULL WHERE chat_id = $1 AND sequence = 2', [
          chat.chatId,
        ]);
        await sql.query('DELETE FROM messages WHERE chat_id = $1 AND sequence = 3', [chat.chatId]);
      });
      const read = await store.log.readEvents(0, (events[0]?.position ?? 0) - 1, 10);
      expect(read.map(({ sequence }) => sequence)).to.deep.equal([1, 2, 3]);
      const erased = { type: 'message.created', message: { ...messages[0], body: null } };
      expect(read[1]?.event).to.deep.equal(erased);
      const gone = read[2]?.event;
      expect(gone?.type === 'message.created' && gone.message).to.include({
        chatId: chat.chatId,
        sequence: 3,
        body: null,
        senderId: 'alice',
      });
      expect((await store.history.listEvents(past(chat.chatId), 2, 10)).items).to.deep.equal([read[2]]);
    });

    it('reports what to do if the database is not migrated', async () => {
      await assertMigrated(store.database);
      const elsewhere = prismaStore(store.url, { options: '-c search_path=nowhere' });
      try {
        await pingDatabase(elsewhere.database);
        const error = await rejection(assertMigrated(elsewhere.database));
        expect((error as Error).message).to.match(/missing: store, .*receipts.*: run `parley migrate`/);
      } finally {
        await elsewhere.close();
      }
    });
  });
});
