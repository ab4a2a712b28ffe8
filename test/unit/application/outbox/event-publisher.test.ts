import { expect } from 'chai';
import fc from 'fast-check';
import { PUBLISH_WINDOW, WINDOW_BEHIND } from '../../../../src/application/outbox/event-publisher.js';
import { MEMORY_EVENTS_MAX } from '../../../../src/application/outbox/outbox-buffer.js';
import type { PublishOutcome } from '../../../../src/application/ports/transport/transport.js';
import { GROUP, OTHER_GROUP } from '../commands/drafts.js';
import { AT } from './logged-events.js';
import { idsOf, PublisherBench } from './publisher-bench.js';

const WITHIN_MS = 15_000;

describe('The publisher of events', () => {
  let bench: PublisherBench;
  afterEach(() => bench?.publisher.stop());

  /** From now on, `publishedThrough` must at no time be beyond an event that is not confirmed. */
  function watchPrefix(): void {
    let confirmed = bench.publisher.publishedThrough;
    let worst = 0;
    bench.sink.onSettled = () => {
      while (bench.sink.confirmed.has(idsOf(confirmed + 1, confirmed + 1)[0] ?? '')) confirmed += 1;
      worst = Math.max(worst, bench.publisher.publishedThrough - confirmed);
      expect(worst, 'published ahead of the confirms').to.equal(0);
    };
  }

  it('publishes appended events from memory, in order, without reading the log', async () => {
    bench = new PublisherBench();
    watchPrefix();
    bench.append(300);
    bench.append(1);
    bench.append(99);
    await bench.allPublished();
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, 400));
    expect(bench.publisher.publishedThrough).to.equal(400);
    expect(bench.log.eventsRead).to.equal(0);
  });

  it('continues from memory with events appended during a lookup of recipients', async () => {
    bench = new PublisherBench();
    let tell: () => void = () => undefined;
    bench.log.members = new Promise((resolve) => {
      tell = resolve;
    });
    bench.append(10);
    await new Promise((resolve) => setImmediate(resolve));
    bench.append(10);
    tell();
    await bench.allPublished();
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, 20));
    expect(bench.log.eventsRead).to.equal(0);
  });

  it('reads recipients while commands are decided, and not again after the commit', async () => {
    bench = new PublisherBench();
    let tell: () => void = () => undefined;
    bench.log.members = new Promise((resolve) => {
      tell = resolve;
    });
    bench.publisher.expect([GROUP]);
    bench.append(10);
    await new Promise((resolve) => setImmediate(resolve));
    expect(bench.sink.arrived).to.have.length(0);
    tell();
    await bench.allPublished();
    expect(bench.sink.arrived).to.have.length(10);
    expect(bench.log.membersRead).to.equal(1);
  });

  it('does not prefetch recipients while publishing has failed', async () => {
    bench = new PublisherBench();
    bench.sink.fate = () => 'returned';
    bench.append(1);
    await bench.until('the refusal', () => bench.publisher.obstacle !== null);
    const { membersRead } = bench.log;
    bench.publisher.expect([OTHER_GROUP]);
    expect(bench.log.membersRead).to.equal(membersRead);
  });

  it('continues if recipients could not be prefetched', async () => {
    bench = new PublisherBench();
    bench.log.members = Promise.reject(new Error('the log cannot be read'));
    bench.publisher.expect([GROUP]);
    await bench.log.members.catch(() => undefined);
    bench.log.members = Promise.resolve();
    bench.append(1);
    await bench.allPublished();
    expect(bench.sink.arrived).to.have.length(1);
  });

  it('reports once per batch the time until the last confirm', async () => {
    bench = new PublisherBench({ written: 20, publishedThrough: 0 });
    await bench.allPublished();
    bench.sink.fate = (event) => (event.id === idsOf(320, 320)[0] ? 'held' : 'confirmed');
    bench.append(300);
    bench.append(1);
    await bench.until('all but one are confirmed', () => bench.sink.confirmed.size === 320);
    const held = performance.now();
    await bench.until('some time passes', () => performance.now() - held > 50);
    expect(bench.took, 'of what is not confirmed in full').to.deep.equal([]);
    bench.sink.release();
    await bench.allPublished();
    expect(bench.took).to.have.length(2);
    for (const milliseconds of bench.took) expect(milliseconds).to.be.within(50, WITHIN_MS);
    bench.append(1);
    await bench.allPublished();
    expect(bench.took).to.have.length(3);
    expect(bench.took[2]).to.be.at.least(0);
  });

  it('includes retries after a refusal in that time', async () => {
    bench = new PublisherBench();
    let refusals = 2;
    bench.sink.fate = () => (refusals-- > 0 ? 'refused' : 'confirmed');
    bench.append(1);
    await bench.allPublished();
    expect(bench.took).to.have.length(1);
  });

  it('reports the commit time of the oldest waiting event', async () => {
    bench = new PublisherBench();
    expect(bench.publisher.waitingSince).to.equal(null);
    bench.append(2);
    await bench.allPublished();
    expect(bench.publisher.waitingSince).to.equal(null);
    bench.sink.fate = (event) => (event.id === idsOf(3, 3)[0] ? 'held' : 'confirmed');
    const [third, fourth] = [1, 2].map((minute) => new Date(AT.getTime() + minute * 60_000));
    bench.append(1, third);
    bench.append(1, fourth);
    expect(bench.publisher.waitingSince).to.deep.equal(third);
    await bench.until('the next one is confirmed', () => bench.sink.confirmed.size === 3);
    expect(bench.publisher.waitingSince).to.deep.equal(third);
    bench.sink.release();
    await bench.allPublished();
    expect(bench.publisher.waitingSince).to.equal(null);
  });

  it('begins with the log after the published prefix, then continues from memory', async () => {
    bench = new PublisherBench({ written: 500, publishedThrough: 200 });
    watchPrefix();
    await bench.allPublished();
    bench.append(50);
    await bench.allPublished();
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(201, 550));
    expect(bench.log.eventsRead).to.equal(300);
  });

  for (const outcome of ['refused', 'returned', 'lost'] as const)
    it(`restarts after the confirmed prefix if an event is ${outcome}, and publishes no later event first`, async () => {
      bench = new PublisherBench();
      watchPrefix();
      let failures = 3;
      let full = false;
      // Full from the 8th event on, and free again after two more attempts, while events are being published.
      bench.sink.fate = (event, n, inFlight) => {
        if (n === 7) full = true;
        if (full && n > 7 && event.id === idsOf(8, 8)[0] && inFlight === 0) failures -= 1;
        if (full && failures > 0) return outcome;
        if (full && failures === 0 && event.id === idsOf(8, 8)[0]) {
          failures = -1;
          full = false;
          return outcome;
        }
        return 'confirmed';
      };
      bench.append(400);
      await bench.until('the obstacle is told', () => bench.publisher.obstacle === outcome);
      expect(bench.publisher.publishedThrough).to.equal(7);
      await bench.allPublished();
      expect(bench.sink.firstCopies).to.deep.equal(idsOf(1, 400));
      expect(bench.publisher.obstacle).to.equal(null);
      expect(bench.sink.opened).to.equal(outcome === 'lost' ? 5 : 1);
    });

  it('reports its failure while it retries, until an event is confirmed', async () => {
    bench = new PublisherBench();
    const told: (string | null)[] = [];
    bench.sink.fate = (_event, n) => {
      told.push(bench.publisher.obstacle);
      return n < 3 ? 'refused' : 'confirmed';
    };
    bench.append(1);
    await bench.allPublished();
    expect(told, 'at each try').to.deep.equal([null, 'refused', 'refused', 'refused']);
    expect(bench.publisher.obstacle).to.equal(null);
  });

  it('returns to its full window after a failure', async () => {
    bench = new PublisherBench();
    bench.sink.fate = (_event, n) => (n === 0 ? 'refused' : 'confirmed');
    bench.append(1);
    await bench.allPublished();
    bench.sink.inFlightMax = 0;
    bench.append(3_000);
    await bench.allPublished();
    expect(bench.sink.inFlightMax).to.be.greaterThan(100);
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, 3_001));
  });

  it('has few events in flight after a refusal until the backlog is sent', async () => {
    bench = new PublisherBench({ written: 2_000 });
    bench.sink.fate = () => 'refused';
    await bench.until('it is refused', () => bench.publisher.obstacle === 'refused' && bench.sink.inFlight === 0);
    // Events in flight at the first refusal used the full window.
    bench.sink.inFlightMax = 0;
    let taken = 0;
    bench.sink.fate = () => (taken++ < 1_000 ? 'confirmed' : 'held');
    await bench.until('the window is full again', () => bench.sink.inFlight === WINDOW_BEHIND);
    bench.sink.fate = () => 'confirmed';
    bench.sink.release();
    await bench.allPublished();
    expect(bench.sink.inFlightMax).to.equal(WINDOW_BEHIND);
    expect(bench.sink.firstCopies).to.deep.equal(idsOf(1, 2_000));
  });

  it('waits without a connection, and while the log cannot be read', async () => {
    bench = new PublisherBench({ written: 20 });
    bench.log.readsToFail = Number.POSITIVE_INFINITY;
    await bench.until('the log is missed', () => bench.publisher.obstacle === 'unavailable');
    bench.log.readsToFail = 0;
    await bench.allPublished();
    bench.sink.away = Number.POSITIVE_INFINITY;
    bench.sink.fate = (_event, n) => (n === 20 ? 'lost' : 'confirmed');
    bench.append(20);
    await bench.until('the connection is missed', () => bench.publisher.obstacle === 'unavailable');
    bench.sink.away = 0;
    await bench.allPublished();
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, 40));
  });

  it('has a bounded number of events in flight with slow confirms in any order', async () => {
    bench = new PublisherBench();
    watchPrefix();
    bench.sink.fate = () => 'held';
    bench.append(2_500);
    await bench.until('the window is full', () => bench.sink.inFlight === PUBLISH_WINDOW);
    let isDrained = false;
    const drained = bench.publisher.drained().then(() => {
      isDrained = true;
    });
    expect(bench.publisher.publishedThrough).to.equal(0);
    while (bench.publisher.unpublished > 0) {
      expect(isDrained).to.equal(false);
      const before = bench.sink.published;
      bench.sink.release();
      await bench.until('it goes on', () => bench.publisher.unpublished === 0 || bench.sink.published > before);
    }
    await drained;
    expect(bench.sink.inFlightMax).to.equal(PUBLISH_WINDOW);
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, 2_500));
  });

  it('keeps a bounded number of events in memory and reads the rest from the log', async () => {
    bench = new PublisherBench();
    watchPrefix();
    bench.sink.fate = () => 'held';
    const total = 3 * MEMORY_EVENTS_MAX;
    for (let count = 0; count < total; count += 256) bench.append(256);
    bench.sink.fate = () => 'confirmed';
    bench.sink.release();
    await bench.allPublished();
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, total));
    expect(bench.log.eventsRead).to.be.at.least(total - MEMORY_EVENTS_MAX - PUBLISH_WINDOW);
    const read = bench.log.eventsRead;
    bench.append(10);
    await bench.allPublished();
    expect(bench.log.eventsRead, 'from memory again').to.equal(read);
  });

  it('stops at once, even if the connection is blocked, and leaves the rest in the log', async () => {
    bench = new PublisherBench();
    bench.sink.fate = () => 'held';
    bench.sink.isBlocked = true;
    bench.append(10);
    await bench.until('it waits for the connection', () => bench.sink.inFlight === 10);
    const drained = bench.publisher.drained();
    await bench.publisher.stop();
    await drained;
    expect(bench.publisher.publishedThrough).to.equal(0);
    expect(bench.sink.closed).to.equal(1);
  });

  it('publishes everything, first copies in order, after any failures', async function () {
    this.timeout(60_000);
    const troubles = fc.array(
      fc.record({ at: fc.nat(600), outcome: fc.constantFrom<PublishOutcome>('refused', 'returned', 'lost') }),
      { maxLength: 3 },
    );
    const appends = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(troubles, appends, fc.boolean(), async (planned, sizes, away) => {
        bench = new PublisherBench({ written: 50, publishedThrough: 20 });
        watchPrefix();
        bench.sink.away = away ? 1 : 0;
        // A full queue refuses all events in flight.
        let failing: PublishOutcome | null = null;
        bench.sink.fate = (_event, n, inFlight) => {
          const planted = planned.find(({ at }) => at === n);
          if (planted !== undefined) failing = planted.outcome;
          else if (inFlight === 0) failing = null;
          return failing ?? 'confirmed';
        };
        for (const size of sizes) {
          bench.append(size);
          await new Promise((resolve) => setImmediate(resolve));
        }
        await bench.allPublished();
        const total = 50 + sizes.reduce((sum, size) => sum + size, 0);
        expect(bench.sink.firstCopies).to.deep.equal(idsOf(21, total));
        await bench.publisher.stop();
      }),
      { numRuns: 25 },
    );
  });
});
