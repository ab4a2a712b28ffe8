import { expect } from 'chai';
import { readJsonLines } from '../../../src/adapters/sinks/json-lines/read-json-lines.js';
import type { DeliveryResult } from '../../../src/application/ports/log-consumer.js';
import { DELIVERY_MAX } from '../../../src/application/relay/follower.js';
import { anEvent, later, Owner } from '../../conformance/store/fixtures.js';
import type { OpenStore } from '../../conformance/store/store-conformance.js';
import { eventually } from '../../support/eventually.js';
import { RelayHarness, TestConsumer, WITHIN_MS } from '../../support/relay-harness.js';
import { openMemoryStore } from '../../unit/adapters/memory/memory-harness.js';
import { anArchive, CHAT } from '../../unit/application/archive/an-archive.js';
import { importInto } from '../prisma/archive/archive-of.js';
import { openPrismaStore, type PrismaHarness } from '../prisma/prisma-harness.js';
import { RELAY_BUGS } from './planted-bugs.js';
import { crashBeforeDelivery, cursorOf, hole, poison, textOf, write, zombie } from './scenarios.js';

const STORES: { name: string; open: OpenStore }[] = [
  { name: 'PostgreSQL', open: openPrismaStore },
  { name: 'the in-memory store', open: openMemoryStore },
];

/** What the checks must report of each planted bug. */
const FAULTS: { [bug: string]: RegExp } = {
  'the cursor moves before the events are delivered': /^missing: 5 6 7 8$/,
  'a cursor moves without a check of its epoch': /former owner.*missing: 6 7 8/,
  'a poison event is skipped without being parked': /^parked: \[\]$/,
  'the text of a poison event is parked': /^the text of a parked event is stored$/,
  'a gap in the log is skipped': /^missing: 3$/,
};

for (const { name, open } of STORES)
  describe(`A relay on ${name}`, function () {
    this.timeout(60_000);
    let harness: RelayHarness;
    beforeEach(async () => {
      harness = new RelayHarness(await open());
    });
    afterEach(() => harness.close());

    it('delivers all partitions in order, continues with new events, and resumes where it stopped', async () => {
      await write(harness.store, DELIVERY_MAX + 10);
      await write(harness.store, 3, 1);
      harness.start('first');
      await harness.caughtUp();
      await write(harness.store, 2);
      await harness.caughtUp();
      await harness.stop('first');
      await write(harness.store, 2);
      const second = new TestConsumer(harness.folder);
      harness.start('second', second);
      await harness.caughtUp();
      expect([await harness.faults(0), await harness.faults(1)]).to.deep.equal([[], []]);
      expect(second.deliveries.map(({ after, through, epoch }) => [after, through, epoch])).to.deep.equal([
        [DELIVERY_MAX + 12, DELIVERY_MAX + 14, 2],
      ]);
    });

    it('renders events as the publisher does', async () => {
      const [creation] = await write(harness.store, 2);
      harness.start('relay');
      await harness.caughtUp();
      const [line] = (await readJsonLines(harness.folder)).get(0)?.lines ?? [];
      expect(line?.event).to.include({ id: `${creation?.chatId}/1`, type: 'chat.created', specversion: '1.0' });
    });

    it('starts at the position that the consumer chooses', async () => {
      await write(harness.store, 4);
      const consumer = new TestConsumer(harness.folder, 'now');
      harness.start('relay', consumer);
      await eventually(() => harness.isCaughtUp(), { within: WITHIN_MS, what: 'the cursors are there' });
      await write(harness.store, 2);
      await harness.caughtUp();
      expect(consumer.deliveries.flatMap(({ events }) => events.map(({ position }) => position))).to.deep.equal([5, 6]);
    });

    it('retries while a sink is unavailable, and parks nothing', async () => {
      await write(harness.store, 4);
      let isDown = true;
      let failures = 0;
      const consumer = new TestConsumer(harness.folder, 'beginning', 'exclude', async () => {
        if (!isDown) return null;
        failures += 1;
        throw new Error('the sink is down');
      });
      const relay = harness.start('relay', consumer);
      await eventually(() => failures >= 5 && relay.status.troubles.join().includes('the sink is down'), {
        within: WITHIN_MS,
        what: 'the relay retries, and reports the error of the sink',
      });
      isDown = false;
      await harness.caughtUp();
      await eventually(() => relay.status.troubles.length === 0, {
        within: WITHIN_MS,
        what: 'the relay reports no error',
      });
      expect(await harness.faults()).to.deep.equal([]);
      expect(await harness.store.cursors.parked('test', 10)).to.deep.equal([]);
      expect(harness.logged.lines.filter((line) => line.includes('not served'))).to.have.length(1);
    });

    it('parks an event that fails by itself, continues, and delivers it again on request', async () => {
      const [, , , last] = await write(harness.store, 4);
      let refuses = true;
      const consumer = new TestConsumer(harness.folder, 'beginning', 'exclude', async ({ events }) => {
        const index = events.findIndex(({ entry }) => textOf(entry) === 'message 3');
        return refuses && index !== -1 ? { outcome: 'failed', index, code: 'too-long' } : null;
      });
      harness.start('relay', consumer);
      await harness.caughtUp();
      expect(await harness.faults(0, [3])).to.deep.equal([]);
      const parked = () => harness.store.cursors.parked('test', 10);
      expect((await parked()).map(({ position, code }) => [position, code])).to.deep.equal([[3, 'too-long']]);
      await harness.store.cursors.requestRetry('test');
      await eventually(async () => (await parked())[0]?.attempts === 2, { within: WITHIN_MS, what: 'it failed again' });
      refuses = false;
      await harness.store.cursors.requestRetry('test');
      await eventually(async () => (await parked()).length === 0, { within: WITHIN_MS, what: 'it was delivered' });
      const retried = (await readJsonLines(harness.folder)).get(0)?.retried ?? [];
      expect(retried.map(({ position }) => position)).to.deep.equal([3]);
      expect((await cursorOf(harness.store)).position).to.equal(last?.position);
    });

    it('reports events that retention deleted before the delivery to the consumer, once', async () => {
      await write(harness.store, 2);
      const owner = await Owner.of(harness.store);
      await owner.write((at) => ({
        events: [1, 2, 3].map((step) => anEvent(at + step, { type: 'command.rejected', receipt: {} })),
      }));
      await write(harness.store, 2);
      const { epoch } = (await Owner.of(harness.store)).ownership;
      await harness.store.registry.savePublished(0, epoch, 7);
      await harness.store.commands.pruneRejectedCommands(0, later(60_000), 2);
      let failures = 0;
      const consumer = new TestConsumer(harness.folder, 'beginning', 'exclude', async () => {
        failures += 1;
        if (failures <= 2) throw new Error('the sink is down');
        return null;
      });
      harness.start('relay', consumer);
      await harness.caughtUp();
      expect(consumer.overtaken).to.deep.equal([{ partition: 0, epoch: 1, after: 0, through: 4, missing: 2 }]);
      expect(harness.counts).to.include('overtaken test 2');
      expect(await harness.faults()).to.deep.equal([]);
    });

    it('delivers the whole log again after a rebuild, under a higher epoch', async () => {
      await write(harness.store, 5);
      const consumer = new TestConsumer(harness.folder);
      harness.start('relay', consumer);
      await harness.caughtUp();
      await harness.store.cursors.rebuild('test');
      await eventually(() => consumer.deliveries.at(-1)?.epoch === 3, { within: WITHIN_MS, what: 'the new epoch' });
      await harness.caughtUp();
      expect(consumer.deliveries.map(({ epoch, after, through }) => [epoch, after, through])).to.deep.equal([
        [1, 0, 5],
        [3, 0, 5],
      ]);
      expect(await harness.faults()).to.deep.equal([]);
    });

    it('shares the cursors with another relay, and takes them over when that one leaves', async () => {
      for (const partition of [0, 1, 2, 3]) await write(harness.store, 3, partition);
      harness.start('relay-1');
      await harness.caughtUp();
      const second = harness.start('relay-2');
      await eventually(() => second.status.followed === 2, { within: WITHIN_MS, what: 'fair shares' });
      for (const partition of [0, 1, 2, 3]) await write(harness.store, 3, partition);
      await harness.caughtUp();
      await harness.stop('relay-1');
      await eventually(() => second.status.followed === 4, { within: WITHIN_MS, what: 'a take-over' });
      for (const partition of [0, 1, 2, 3]) await write(harness.store, 3, partition);
      await harness.caughtUp();
      for (const partition of [0, 1, 2, 3]) expect(await harness.faults(partition)).to.deep.equal([]);
    });

    it('moves no cursor when it resumes after its successor took over', async () => {
      expect(await zombie(harness, { freezesAt: 'cursor' })).to.deep.equal([]);
    });

    it('has its lines refused when it resumes after its successor took over', async () => {
      expect(await zombie(harness, { freezesAt: 'sink' })).to.deep.equal([]);
    });

    it('waits at a hole in the log', async () => {
      expect(await hole(harness, () => ({}))).to.deep.equal([]);
    });

    it('stores nothing of a parked event, not even if the consumer quotes it', async () => {
      expect(
        await poison(
          harness,
          (text) => text,
          () => ({}),
        ),
      ).to.deep.equal([]);
    });

    it('delivers again what the sink did not have when the relay stopped', async () => {
      expect(await crashBeforeDelivery(harness, () => ({}))).to.deep.equal([]);
    });

    describe('with a planted bug', () => {
      for (const [bug, play] of Object.entries(RELAY_BUGS))
        it(`is caught: ${bug}`, async () => {
          expect((await play(harness)).join('; ')).to.match(
            FAULTS[bug] ?? expect.fail(`no fault is expected of ${bug}`),
          );
        });
    });
  });

describe('A relay on PostgreSQL with imported chats', function () {
  this.timeout(60_000);
  let store: PrismaHarness;
  let harness: RelayHarness;
  const lines = () => anArchive().map((line) => JSON.stringify(line));
  const imported = (consumer: TestConsumer) =>
    consumer.deliveries
      .filter(({ partition }) => partition === -1)
      .flatMap(({ events }) => events.map(({ entry }) => `${entry.chatId}/${entry.sequence}`));
  const all = [1, 2, 3, 4, 5, 6].map((sequence) => `${CHAT}/${sequence}`);
  beforeEach(async () => {
    store = await openPrismaStore();
    harness = new RelayHarness(store);
    await Owner.of(store);
  });
  afterEach(() => harness.close());

  it('delivers them to a consumer that wants them, and not to another one', async () => {
    const without = new TestConsumer(harness.folder);
    harness.start('relay-1', without);
    await harness.caughtUp();
    await importInto(store, lines());
    await write(store, 2);
    await harness.caughtUp();
    expect(imported(without)).to.deep.equal([]);
    await harness.stop('relay-1');
    const consumer = new TestConsumer(harness.folder, 'beginning', 'include');
    harness.start('relay-2', consumer);
    await eventually(async () => (await cursorOf(store, -1).catch(() => null))?.lag === 0, {
      within: WITHIN_MS,
      what: 'the imported chat is delivered',
    });
    expect(imported(consumer)).to.deep.equal(all);
    expect((await cursorOf(store, -1)).position).to.equal((await cursorOf(store, -1)).end);
  });

  it('parks one of their events, continues within the chat, and finds it again', async () => {
    let refuses = true;
    const refuse = async ({
      partition,
      events,
    }: {
      partition: number;
      events: { entry: { sequence: number | null } }[];
    }) => {
      const index = events.findIndex(({ entry }) => entry.sequence === 4);
      const failed: DeliveryResult = { outcome: 'failed', index, code: 'odd' };
      return refuses && partition === -1 && index !== -1 ? failed : null;
    };
    await importInto(store, lines());
    const consumer = new TestConsumer(harness.folder, 'beginning', 'include', refuse);
    harness.start('relay', consumer);
    await harness.caughtUp();
    expect(imported(consumer)).to.deep.equal(all.slice(4));
    const [parked] = await store.cursors.parked('test', 10);
    expect(parked).to.include({ partition: -1, sequence: 4, code: 'odd' });
    refuses = false;
    await store.cursors.requestRetry('test');
    await eventually(() => consumer.deliveries.some(({ isRetry }) => isRetry), { within: WITHIN_MS, what: 'a retry' });
    expect(imported(consumer)).to.deep.equal([...all.slice(4), all[3]]);
    const merged = (await readJsonLines(harness.folder)).get(-1);
    expect(merged?.lines.map(({ event }) => event?.id)).to.deep.equal(all.filter((id) => id !== all[3]));
  });
});
