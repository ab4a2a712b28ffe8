import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import {
  assertMigrated,
  BATCH_LOCK_TIMEOUT_MS,
  pingDatabase,
  STATEMENT_TIMEOUT_MS,
} from '../../../src/adapters/stores/prisma/prisma-database.js';
import type { BatchWrites } from '../../../src/application/ports/store/command-store.js';
import type { Metadata } from '../../../src/domain/chat.js';
import {
  aChat,
  aChatWithMessages,
  aMessage,
  aReceiptRecord,
  failsAs,
  NO_KEYS,
  Owner,
} from '../../conformance/store/fixtures.js';
import { CuttingProxy, type Fault } from './cutting-proxy.js';
import {
  lockWaiters,
  openPrismaStore,
  POOL_SIZE,
  type PrismaHarness,
  prismaStore,
  WAITS_FOR_LOCKS,
  withConnection,
} from './prisma-harness.js';
import { plantReceipts } from './receipts/planted-receipts.js';

/** Short, for it is waited out; long enough for a busy machine to connect and to be answered. */
const SILENCE_MS = 2_000;

const IDLE_SESSION_MS = 100;
/** Enough for a busy server to commit, to hand over a lock, to answer, and to end the session that then idles. */
const FREEZE_MS = 1_500;

describe('failures of the Prisma store', () => {
  let store: PrismaHarness;
  let owner: Owner;
  before(async () => {
    store = await openPrismaStore(WAITS_FOR_LOCKS);
  });
  beforeEach(async () => {
    owner = await Owner.of(store);
  });
  after(() => store.close());

  /** Some batch, and whether it took effect. */
  const aBatch = () => {
    const chat = aChat();
    const batch = (at: number): Partial<BatchWrites> => {
      const made = aChatWithMessages(at, 2, chat);
      return { chatsCreated: [made.chat], messages: made.messages, events: made.events };
    };
    const stored = async () => (await owner.read({ chats: [chat.chatId] })).chats.size === 1;
    return { batch, stored };
  };

  describe('caused by the data', () => {
    const secret = 'nobody-may-read-this';
    const cyclic: Metadata = { secret };
    cyclic.self = cyclic;
    const unstorable: [string, () => Partial<BatchWrites>][] = [
      ['a text with U+0000', () => ({ messages: [aMessage(aChat(), 2, { body: `${secret}\u0000` })] })],
      ['an id that is no UUID', () => ({ messages: [aMessage(aChat(), 2, { messageId: secret })] })],
      ['a number out of range', () => ({ messages: [aMessage(aChat(), 2, { revision: 2 ** 40 })] })],
      ['metadata with a cycle', () => ({ chatsCreated: [aChat({ metadata: cyclic })] })],
      ['a time that is none', () => ({ chatsCreated: [aChat({ createdAt: new Date(secret) })] })],
      ['a constraint', () => ({ messages: [aMessage(aChat(), 2, { senderId: null as unknown as string })] })],
    ];
    for (const [what, writes] of unstorable) {
      it(`(${what}) are refused, and the text is not repeated`, async () => {
        const { batch, stored } = aBatch();
        const error = await failsAs(
          owner.write((at) => ({ ...batch(at), ...writes() })),
          'refused',
        );
        expect(`${error.message} ${JSON.stringify(error.cause)}`).to.not.include(secret);
        expect(await stored()).to.equal(false);
      });
    }

    it("of an operator's trigger are refused, and the text is not repeated", async () => {
      const { batch, stored } = aBatch();
      await withConnection(store.url, async (sql) => {
        await sql.query(`
          CREATE FUNCTION raise_planted() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '%', NEW.body; END $$;
          CREATE TRIGGER planted BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION raise_planted()`);
        try {
          const error = await failsAs(
            owner.write((at) => ({ ...batch(at), messages: [aMessage(aChat(), 2, { body: secret })] })),
            'refused',
          );
          expect(`${error.message} ${JSON.stringify(error.cause)}`).to.not.include(secret);
        } finally {
          await sql.query('DROP TRIGGER planted ON messages; DROP FUNCTION raise_planted');
        }
      });
      expect(await stored()).to.equal(false);
    });

    it('detected only at COMMIT are refused, and nothing is written', async () => {
      const { batch, stored } = aBatch();
      await withConnection(store.url, async (sql) => {
        const constraint = 'CONSTRAINT one_reply UNIQUE (in_reply_to) DEFERRABLE INITIALLY DEFERRED';
        await sql.query(`ALTER TABLE messages ADD ${constraint}`);
        try {
          const inReplyTo = aChat().chatId;
          const twice = [2, 3].map((sequence) => aMessage(aChat(), sequence, { inReplyTo }));
          await failsAs(
            owner.write((at) => ({ ...batch(at), messages: twice })),
            'refused',
          );
        } finally {
          await sql.query('ALTER TABLE messages DROP CONSTRAINT one_reply');
        }
      });
      expect(await stored()).to.equal(false);
    });
  });

  describe('caused by the database', () => {
    for (const [what, part, kind] of [
      // It could have been at its COMMIT.
      ['that creates a chat', (made: Partial<BatchWrites>) => made, 'unknown'],
      ['with a receipt only', () => ({}), 'unknown'],
    ] as const)
      it(`(a connection ended by the server in the middle of a batch ${what}) leave nothing written`, async () => {
        const { batch, stored } = aBatch();
        const record = aReceiptRecord();
        await withConnection(store.url, async (sql) => {
          await sql.query('BEGIN');
          await sql.query(plantReceipts('VALUES ($1)'), [record.commandId]);
          const write = failsAs(
            owner.write((at) => ({ ...part(batch(at)), receipts: [record] })),
            kind,
          );
          await lockWaiters(sql, 1);
          await sql.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'parley' AND wait_event_type = 'Lock'`,
          );
          await write;
          await sql.query('ROLLBACK');
        });
        expect(await stored()).to.equal(false);
        expect((await owner.read({ receipts: [record] })).receipts.size).to.equal(0);
      });

    it('(sessions ended by the server immediately) are reported, and do not end the process', async () => {
      const proxy = await CuttingProxy.before(store.url);
      const far = prismaStore(proxy.url);
      try {
        proxy.fault = 'end sessions at once';
        const request = { leases: [{ partition: 0, epoch: 1, publishedThrough: 0 }], keys: NO_KEYS };
        // An error event that nobody listens to would fail this test from outside.
        await failsAs(
          far.commands.transact(request, () => expect.fail('was asked')),
          'unavailable',
        );
        proxy.fault = 'none';
        await Owner.of(far);
      } finally {
        await far.close();
        await proxy.close();
      }
    });

    it('(no free connection for the write of a batch) are known to leave nothing written', async () => {
      await withConnection(store.url, async (sql) => {
        await sql.query('BEGIN');
        await sql.query('LOCK TABLE poison_attempts');
        const others: Promise<unknown>[] = [];
        const record = aReceiptRecord();
        const write = failsAs(
          owner.write(() => {
            // As many as there are connections, all of which wait.
            for (let n = 0; n < POOL_SIZE; n += 1) others.push(store.commands.countAttempt(0, `waits-${n}`));
            return { receipts: [record] };
          }),
          'unavailable',
        );
        await write;
        await sql.query('ROLLBACK');
        await Promise.all(others);
        expect((await owner.read({ receipts: [record] })).receipts.size).to.equal(0);
      });
    });

    it('(a statement that takes too long) leave nothing written', async () => {
      // Long enough for what the owner does first, on a busy machine too.
      const hurried = prismaStore(store.url, { ...WAITS_FOR_LOCKS, statement_timeout: '1000' });
      try {
        const hurriedOwner = await Owner.of(hurried);
        await withConnection(store.url, async (sql) => {
          await sql.query('BEGIN');
          await sql.query('SELECT FROM partitions FOR UPDATE');
          const error = await failsAs(
            hurriedOwner.write(() => ({})),
            'timed_out',
          );
          expect(error.message).to.include('57014');
          await sql.query('ROLLBACK');
        });
        await hurriedOwner.write(() => ({}));
      } finally {
        await hurried.close();
      }
    });

    it('(a lock that another transaction holds) are contention after a short wait, and leave nothing written', async () => {
      const { batch, stored } = aBatch();
      const impatient = prismaStore(store.url);
      try {
        const impatientOwner = await Owner.of(impatient);
        await withConnection(store.url, async (sql) => {
          await sql.query('BEGIN');
          await sql.query('SELECT FROM partitions FOR UPDATE');
          for (const writes of [batch, () => ({ receipts: [aReceiptRecord()] })]) {
            const began = performance.now();
            const error = await failsAs(impatientOwner.write(writes), 'contention');
            expect(error.message).to.include('55P03');
            expect(performance.now() - began).to.be.within(BATCH_LOCK_TIMEOUT_MS - 1, STATEMENT_TIMEOUT_MS / 2);
          }
          await sql.query('ROLLBACK');
        });
        owner = await Owner.of(store);
        expect(await stored()).to.equal(false);
        await owner.write(batch);
        expect(await stored()).to.equal(true);
      } finally {
        await impatient.close();
      }
    });

    it('(a take-over that waits for its predecessor) have no short lock timeout, unlike batches', async () => {
      await withConnection(store.url, async (sql) => {
        const successor = prismaStore(store.url);
        try {
          await sql.query('BEGIN');
          await sql.query('SELECT FROM partitions FOR UPDATE');
          const taken = successor.registry.acquire(0, 'successor');
          await lockWaiters(sql, 1);
          await sleep(2 * BATCH_LOCK_TIMEOUT_MS);
          await lockWaiters(sql, 1);
          await sql.query('ROLLBACK');
          expect((await taken).partition).to.equal(0);
        } finally {
          await successor.close();
        }
      });
    });

    for (const [state, kind] of [
      ['55P03', 'contention'],
      ['40P01', 'contention'],
      ['40001', 'contention'],
      ['57014', 'timed_out'],
      ['53100', 'unavailable'],
    ] as const)
      it(`(SQLSTATE ${state}) are of the kind ${kind}`, async () => {
        const { batch, stored } = aBatch();
        await withConnection(store.url, async (sql) => {
          await sql.query(`
            CREATE FUNCTION raise_planted() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '${state}'; END $$;
            CREATE TRIGGER planted BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION raise_planted()`);
          try {
            await failsAs(owner.write(batch), kind);
            // The same in one statement, which commits itself.
            await failsAs(
              owner.write(() => ({ messages: [aMessage(aChat(), 2)] })),
              kind,
            );
          } finally {
            await sql.query('DROP TRIGGER planted ON messages; DROP FUNCTION raise_planted');
          }
        });
        expect(await stored()).to.equal(false);
      });

    it('(an owner that freezes while it writes a new chat) hold no row: the statement ends without it', async () => {
      const { batch, stored } = aBatch();
      const freezing = prismaStore(store.url, {
        ...WAITS_FOR_LOCKS,
        idle_in_transaction_session_timeout: `${IDLE_SESSION_MS}`,
      });
      try {
        const frozen = await Owner.of(freezing);
        await withConnection(store.url, async (sql) => {
          await sql.query('BEGIN');
          await sql.query('SELECT FROM partitions FOR UPDATE');
          const write = frozen.write(batch);
          await lockWaiters(sql, 1);
          const committed = sql.query('COMMIT');
          // Sent, and nothing of this process moves for longer than the server waits for an idle transaction.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FREEZE_MS);
          await committed;
          await write;
        });
        owner = await Owner.of(store);
        expect(await stored()).to.equal(true);
      } finally {
        await freezing.close();
      }
    });

    it('(no server, or an unknown database) are rejections of every port, not empty results', async () => {
      const nobody = new URL(store.url);
      nobody.port = '1';
      const nowhere = new URL(store.url);
      nowhere.pathname = '/no_such_database';
      for (const url of [nobody, nowhere]) {
        const broken = prismaStore(url.href);
        const request = { leases: [{ partition: 0, epoch: 1, publishedThrough: 0 }], keys: NO_KEYS };
        const caller = { tenantId: 'default', userId: 'alice' };
        const asked = [
          broken.commands.transact(request, () => expect.fail('was asked')),
          broken.commands.noteSuspects(0, ['key']),
          broken.commands.countAttempt(0, 'key'),
          broken.commands.pruneReceipts(1),
          broken.commands.probe(),
          broken.registry.settle({ namespace: 'chat', partitions: 1 }),
          broken.registry.acquire(0, 'worker'),
          broken.registry.heartbeat('worker', 1_000),
          broken.registry.savePublished(0, 1, 1),
          broken.transportState.exclusively(() => expect.fail('was run')),
          broken.transportState.read(['number']),
          broken.transportState.raise('number', 1),
          broken.log.storeId(),
          broken.log.readEvents(0, 0, 1),
          broken.log.recipients([aChat().chatId], 1, true),
          broken.queries.findUser(caller),
          broken.queries.listChats(caller, 'all', {}, null, 1),
          pingDatabase(broken.database),
          assertMigrated(broken.database),
        ];
        try {
          await Promise.all(asked.map((each) => failsAs(each, 'unavailable')));
        } finally {
          await broken.close();
        }
      }
    });
  });

  describe('caused by the network at COMMIT', () => {
    const behindProxy = async (
      fault: Fault,
      use: (through: Owner, proxy: CuttingProxy) => Promise<void>,
      silenceMs?: number,
    ) => {
      const proxy = await CuttingProxy.before(store.url);
      const far = prismaStore(proxy.url, {}, silenceMs);
      try {
        const through = await Owner.of(far);
        // Connected, and the same connection will be taken again.
        await through.write(() => ({}));
        proxy.fault = fault;
        await use(through, proxy);
      } finally {
        await far.close();
        await proxy.close();
      }
    };

    for (const [what, onlyReceipts] of [
      ['that creates a chat', false],
      ['with a receipt only', true],
    ] as const)
      for (const [fault, isThere] of [
        ['lose the reply to COMMIT', true],
        ['lose COMMIT', false],
      ] as const)
        it(`(${fault} of a batch ${what}) leave the outcome unknown: here it was ${isThere ? '' : 'not '}committed`, async () => {
          const { batch } = aBatch();
          const record = aReceiptRecord();
          await behindProxy(fault, async (through, proxy) => {
            const writes = (at: number) => ({ ...(onlyReceipts ? {} : batch(at)), receipts: [record] });
            await failsAs(through.write(writes), 'unknown');
            expect(proxy.struck).to.equal(1);
          });
          owner = await Owner.of(store);
          expect((await owner.read({ receipts: [record] })).receipts.size).to.equal(isThere ? 1 : 0);
        });

    it('are over with the next connection', async () => {
      await behindProxy('lose COMMIT', async (through, proxy) => {
        await failsAs(
          through.write(() => ({})),
          'unknown',
        );
        proxy.fault = 'none';
        await through.write(() => ({}));
      });
    });

    it('without a notification are detected by the silence timeout', async () => {
      const fallsSilent = async (through: Owner, proxy: CuttingProxy) => {
        const error = await failsAs(
          through.write(() => ({})),
          'unavailable',
        );
        expect(error.message).to.include(`has not answered for ${SILENCE_MS} ms`);
        proxy.fault = 'none';
        await through.write(() => ({}));
      };
      await behindProxy('fall silent', fallsSilent, SILENCE_MS);
    });
  });
});
