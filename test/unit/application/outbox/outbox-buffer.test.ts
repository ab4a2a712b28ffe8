import { expect } from 'chai';
import { PUBLISH_WINDOW } from '../../../../src/application/outbox/event-publisher.js';
import { MEMORY_CHARACTERS_MAX, MEMORY_EVENTS_MAX } from '../../../../src/application/outbox/outbox-buffer.js';
import { MESSAGE_BODY_MAX_CHARACTERS } from '../../../../src/contract/messages/commands.js';
import { idsOf, PublisherBench } from './publisher-bench.js';

/** Of one that was sent and edited. */
const EVENTS_OF_A_MESSAGE = 2;

describe('The outbox buffer', () => {
  let bench: PublisherBench;
  afterEach(() => bench?.publisher.stop());

  it('keeps no events in memory while they are refused; later they are read from the log', async () => {
    bench = new PublisherBench();
    bench.sink.fate = () => 'refused';
    bench.append(1);
    await bench.until('it is refused', () => bench.publisher.obstacle === 'refused');
    bench.append(MEMORY_EVENTS_MAX);
    const read = bench.log.eventsRead;
    bench.sink.fate = () => 'confirmed';
    await bench.allPublished();
    expect(bench.log.eventsRead - read).to.be.at.least(MEMORY_EVENTS_MAX);
    expect(bench.sink.firstCopies).to.deep.equal(idsOf(1, 1 + MEMORY_EVENTS_MAX));
  });

  it('holds a bounded number of characters in memory; further events are read from the log', async () => {
    bench = new PublisherBench();
    bench.sink.fate = () => 'held';
    bench.append(PUBLISH_WINDOW);
    await bench.until('the window is full', () => bench.sink.inFlight === PUBLISH_WINDOW);
    const body = 'x'.repeat(MESSAGE_BODY_MAX_CHARACTERS);
    const messages = (2 * MEMORY_CHARACTERS_MAX) / body.length / EVENTS_OF_A_MESSAGE;
    for (let count = 0; count < messages; count += 1) bench.appendMessage(body);
    bench.sink.fate = () => 'confirmed';
    bench.sink.release();
    await bench.allPublished();
    const texts = messages * EVENTS_OF_A_MESSAGE;
    expect(texts).to.be.below(MEMORY_EVENTS_MAX);
    expect(bench.log.eventsRead).to.be.within(texts / 3, texts);
    expect(bench.sink.firstCopies).to.deep.equal(idsOf(1, PUBLISH_WINDOW + texts));
  });

  it('ends at the last commit that the owner knows of, because later events may change members', async () => {
    bench = new PublisherBench({ written: 3, publishedThrough: 1 });
    const hear = bench.commit(2);
    await bench.until('what it knew of is published', () => bench.publisher.publishedThrough >= 3);
    expect(bench.sink.firstCopies).to.deep.equal(idsOf(2, 3));
    hear();
    await bench.allPublished();
    expect(bench.sink.firstCopies).to.deep.equal(idsOf(2, 5));
  });

  it('does not read the log again for each event of a small window after a refusal', async () => {
    bench = new PublisherBench();
    bench.sink.fate = () => 'refused';
    bench.append(1_000);
    await bench.until('it is refused', () => bench.publisher.obstacle === 'refused');
    bench.sink.fate = () => 'confirmed';
    await bench.until('it goes on', () => bench.publisher.publishedThrough > 0);
    const { reads } = bench.log;
    await bench.allPublished();
    expect(bench.log.reads - reads).to.be.below(20);
    expect(bench.sink.firstCopies).to.deep.equal(idsOf(1, 1_000));
  });

  /** The text of each event that has arrived; undefined: it has none to have. */
  const bodies = () =>
    bench.sink.arrived.map(({ body }) => {
      const { data } = JSON.parse(Buffer.from(body).toString()) as { data: { body?: string | null } };
      return data.body;
    });

  it('has no text of a message that was deleted while its events waited', async () => {
    bench = new PublisherBench();
    bench.sink.fate = () => 'held';
    bench.append(PUBLISH_WINDOW);
    await bench.until('the window is full', () => bench.sink.inFlight === PUBLISH_WINDOW);
    bench.append(2);
    const erase = bench.appendMessage('secret');
    const eraseAnother = bench.appendMessage('another secret');
    bench.append(2);
    erase();
    bench.append(1);
    eraseAnother();
    bench.sink.fate = () => 'confirmed';
    bench.sink.release();
    await bench.allPublished();
    expect(bodies().slice(PUBLISH_WINDOW)).to.deep.equal([
      ...['hello', 'hello', null, null, null, null, 'hello', 'hello', undefined, 'hello', undefined],
    ]);
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, PUBLISH_WINDOW + 11));
  });

  it('has no text of a message that was deleted while its recipients were looked up', async () => {
    bench = new PublisherBench();
    let tell: () => void = () => undefined;
    bench.log.members = new Promise((resolve) => {
      tell = resolve;
    });
    bench.append(1);
    const erase = bench.appendMessage('secret');
    bench.append(1);
    await new Promise((resolve) => setImmediate(resolve));
    erase();
    tell();
    await bench.allPublished();
    expect(bodies()).to.deep.equal(['hello', null, null, 'hello', undefined]);
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, 5));
  });

  for (const when of ['while it was read', 'after it was read ahead'])
    it(`has no text of a message that was deleted ${when}`, async () => {
      bench = new PublisherBench();
      let tell: () => void = () => undefined;
      bench.log.answer = new Promise((resolve) => {
        tell = resolve;
      });
      bench.sink.fate = () => 'refused';
      bench.append(1);
      const erase = bench.appendMessage('secret');
      await bench.until('it is refused', () => bench.publisher.obstacle === 'refused');
      bench.sink.fate = () => 'held';
      await bench.until('all of it is read', () => bench.log.eventsRead === 3);
      if (when === 'while it was read') erase();
      tell();
      await bench.until('the first is under way', () => bench.sink.inFlight === 1);
      if (when !== 'while it was read') erase();
      bench.sink.fate = () => 'confirmed';
      bench.sink.release();
      await bench.allPublished();
      expect(bodies()).to.deep.equal(['hello', null, null, undefined]);
      expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(1, 4));
    });

  it('has the sent message and then its deletion, if the text was published before', async () => {
    bench = new PublisherBench();
    const erase = bench.appendMessage('secret');
    await bench.allPublished();
    erase();
    bench.append(3);
    await bench.allPublished();
    expect(bodies()).to.deep.equal(['secret', 'secret', undefined, 'hello', 'hello', 'hello']);
    expect(bench.log.eventsRead).to.equal(0);
  });
});
