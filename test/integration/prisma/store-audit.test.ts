import { expect } from 'chai';
import fc from 'fast-check';
import { PrismaStoreAudit } from '../../../src/adapters/stores/prisma/audit/prisma-store-audit.js';
import { PrismaStoreIdentity } from '../../../src/adapters/stores/prisma/prisma-store-identity.js';
import type { StoreFault } from '../../../src/application/ports/store/store-audit.js';
import { anArchive, CHAT, textOf } from '../../unit/application/archive/an-archive.js';
import { step, Traffic } from '../../unit/application/sync/traffic.js';
import { importInto } from './archive/archive-of.js';
import { openPrismaStore, type PrismaHarness, withConnection } from './prisma-harness.js';

const PARTITIONS = 3;
const ROUNDS = 4;
const ROUNDS_MAX = 100;
const BATCHES = 40;
const TIMEOUT_MS = 120_000;

const batches = fc.array(fc.array(step, { minLength: 4, maxLength: 16, size: 'max' }), {
  minLength: BATCHES,
  maxLength: BATCHES,
  size: 'max',
});

describe('An audit of the store', function () {
  this.timeout(TIMEOUT_MS);
  let store: PrismaHarness;
  before(async () => {
    store = await openPrismaStore();
  });
  after(() => store.close());

  /** No publisher runs here, so waiting events are not a finding. */
  async function faults(of = store): Promise<StoreFault[]> {
    const found: StoreFault[] = [];
    for await (const piece of new PrismaStoreAudit(of.database).pieces(null)) found.push(...piece.faults);
    return found.filter(({ kind }) => kind !== 'unpublished');
  }

  it('finds no fault during and after random commands, also after chats moved to other partitions', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const traffic = await Traffic.open(store, PARTITIONS);
    const identity = new PrismaStoreIdentity(store.database);
    let pruned = 0;
    const prune = async () => {
      await withConnection(store.url, (sql) => sql.query('UPDATE partitions SET published_through = position'));
      for (let partition = 0; partition < PARTITIONS; partition += 1)
        pruned += await store.commands.pruneRejectedCommands(partition, new Date('2100-01-01'), 3);
    };
    const isEnough = () => (traffic.outcomes.get('message.send accepted') ?? 0) > 50 && pruned > 20;
    // As many as are drawn at least, and more where chance has brought little.
    for (const [round, rounds] of fc.sample(batches, { numRuns: ROUNDS_MAX, seed }).entries()) {
      if (round >= ROUNDS && isEnough()) break;
      let isWriting = true;
      const writing = (async () => {
        for (const steps of rounds) await traffic.play(steps);
        isWriting = false;
      })();
      while (isWriting) {
        const pruning = prune();
        expect(await faults(), `seed ${seed}`).to.deep.equal([]);
        await pruning;
      }
      await writing;
      await identity.placeAnew('amqp');
      expect(await faults(), `seed ${seed}`).to.deep.equal([]);
      traffic.moveOn();
    }
    expect(isEnough(), `seed ${seed}: ${pruned} pruned, ${JSON.stringify([...traffic.outcomes])}`).to.equal(true);
  });

  it('finds no fault in imported chats', async () => {
    await importInto(store, anArchive().map(textOf));
    expect(await faults()).to.deep.equal([]);
    expect(await new PrismaStoreAudit(store.database).hasChat(CHAT)).to.equal(true);
  });
});
