import { expect } from 'chai';
import type { OutgoingEvent } from '../../../../src/application/ports/transport/transport.js';
import { idsOf, PublisherBench } from './publisher-bench.js';

describe('The copies of events for the live feed', () => {
  let bench: PublisherBench;
  afterEach(() => bench?.publisher.stop());

  const positions = () =>
    bench.copies.flatMap(({ position, bodies }) => bodies.map((_body, index) => position + index));
  const copied = () => bench.copies.flatMap(({ bodies }) => bodies.map((body) => Buffer.from(body).toString()));
  const dispatched = (events: readonly OutgoingEvent[]) => events.map(({ body }) => Buffer.from(body).toString());
  const upTo = (through: number) => Array.from({ length: through }, (_, index) => index + 1);

  it('are not made while there is no reader', async () => {
    bench = new PublisherBench();
    bench.append(10);
    await bench.allPublished();
    bench.live.noteReaders(1);
    bench.live.noteReaders(0);
    bench.append(10);
    await bench.allPublished();
    expect(bench.copies).to.deep.equal([]);
  });

  it('have the positions, the order and the bytes of the dispatched events', async () => {
    bench = new PublisherBench();
    bench.live.noteReaders(1);
    bench.append(300);
    bench.append(5);
    await bench.allPublished();
    expect(positions()).to.deep.equal(upTo(305));
    expect(copied()).to.deep.equal(dispatched(bench.sink.arrived));
    expect(bench.copies.every(({ partition }) => partition === 0)).to.equal(true);
  });

  it('begin with the first event that is published after a reader has registered', async () => {
    bench = new PublisherBench();
    bench.append(10);
    await bench.allPublished();
    bench.live.noteReaders(2);
    bench.append(3);
    await bench.allPublished();
    expect(positions()).to.deep.equal([11, 12, 13]);
  });

  it('are not made again when a refused or lost event is published again', async () => {
    bench = new PublisherBench();
    bench.live.noteReaders(1);
    bench.sink.fate = (_event, n) => (n === 20 ? 'refused' : n === 60 ? 'lost' : 'confirmed');
    bench.append(100);
    await bench.allPublished();
    expect(bench.sink.published).to.be.above(100);
    expect(positions()).to.deep.equal(upTo(100));
  });

  it('are made again by the next owner for events without a confirm', async () => {
    bench = new PublisherBench({ written: 10, publishedThrough: 7 });
    bench.live.noteReaders(1);
    bench.append(1);
    await bench.allPublished();
    expect(bench.sink.arrived.map(({ id }) => id)).to.deep.equal(idsOf(8, 11));
    expect(positions()).to.deep.equal([8, 9, 10, 11]);
  });
});
