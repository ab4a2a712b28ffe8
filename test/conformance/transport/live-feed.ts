import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type {
  LiveBatch,
  LiveEvent,
  LiveFeed,
  LiveHandlers,
  LiveSubscription,
} from '../../../src/application/ports/transport/live-feed.js';
import { eventually } from '../../support/eventually.js';
import type { TransportHarness, TransportUnderTest } from './transport-conformance.js';

const within = 20_000;
const MIB = 1024 * 1024;
/** Of what may wait for one reader: in the queue, and in its process. */
const WAITING_MAX_BYTES = 64 * MIB;
/** A partition that only `LiveReader.isServed` uses. */
const TRIAL_PARTITION = 900;

export function liveFeedConformance({ capabilities, open }: TransportHarness): void {
  describe('the live feed', function () {
    this.timeout(60_000);
    let transport: TransportUnderTest;
    let subscriptions: LiveSubscription[] = [];
    beforeEach(async () => {
      transport = await open({ partitions: 2, events: 'unwanted' });
    });
    afterEach(async () => {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
      subscriptions = [];
      await transport.close();
    });

    const live = (): LiveFeed => transport.live ?? expect.fail('the capability is declared, but there is no live feed');
    const subscribe = async (reader = new LiveReader()) => {
      subscriptions.push(await live().subscribe(reader));
      return reader;
    };
    /** Until the way is open: the first copies on a new connection may be lost. */
    const served = async (...readers: LiveReader[]) => {
      let position = 0;
      const isServed = () => {
        position += 1;
        live().publish(batch(TRIAL_PARTITION, position, 1));
        return readers.every(({ trials }) => trials > 0);
      };
      await eventually(isServed, { within, what: 'the first copies' });
    };
    const arrived = (reader: LiveReader, count: number) =>
      eventually(() => reader.events.length >= count, { within, what: `${count} copies` });

    it(`is ${capabilities.liveFeed ? '' : 'not '}there, as declared (liveFeed)`, () => {
      expect(transport.live !== null).to.equal(capabilities.liveFeed);
    });
    if (!capabilities.liveFeed) return;

    it('gives every reader each copy, with its position and its bytes, in order within a partition', async () => {
      const readers = [await subscribe(), await subscribe()];
      await served(...readers);
      const batches = [
        batch(0, 1, 3),
        batch(1, 70, 1),
        batch(0, 4, 40, 20_000),
        batch(1, 71, 128),
        batch(0, 44, 1, 300_000),
      ];
      for (const one of batches) live().publish(one);
      const expected = batches.flatMap(eventsOf);
      for (const reader of readers) {
        await arrived(reader, expected.length);
        for (const partition of [0, 1])
          expect(textOf(reader.events.filter((event) => event.partition === partition))).to.deep.equal(
            textOf(expected.filter((event) => event.partition === partition)),
          );
      }
    });

    it('gives a reader only what is published after its subscription', async () => {
      const first = await subscribe();
      await served(first);
      live().publish(batch(0, 1, 5));
      await arrived(first, 5);
      const second = await subscribe();
      live().publish(batch(0, 6, 2));
      await arrived(second, 2);
      expect(second.events.map(({ position }) => position)).to.deep.equal([6, 7]);
    });

    it('calls no handler before the subscription is returned', async () => {
      await served(await subscribe());
      let isReturned = false;
      let early = 0;
      const reader = new LiveReader(async () => {
        if (!isReturned) early += 1;
      });
      let position = 0;
      const publishing = setInterval(() => {
        position += 1;
        live().publish(batch(0, position, 1));
      }, 1);
      try {
        await subscribe(reader);
        isReturned = true;
        await arrived(reader, 1);
      } finally {
        clearInterval(publishing);
      }
      expect(early).to.equal(0);
    });

    it('gives the next copy only when the handler has taken the last one', async () => {
      let inHand = 0;
      let most = 0;
      const reader = new LiveReader(async () => {
        inHand += 1;
        most = Math.max(most, inHand);
        await new Promise((resolve) => setImmediate(resolve));
        inHand -= 1;
      });
      await served(await subscribe(reader));
      live().publish(batch(0, 1, 20));
      live().publish(batch(1, 1, 20));
      await arrived(reader, 40);
      expect(most).to.equal(1);
    });

    it('loses the oldest copies of a reader that is too slow, in bounded memory, and holds up no other reader', async () => {
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow = new LiveReader(() => released);
      const fast = new LiveReader();
      await served(await subscribe(fast));
      await subscribe(slow);
      const perBatch = 8;
      const batches = (2 * WAITING_MAX_BYTES) / MIB;
      for (let index = 0; index < batches; index += 1) {
        live().publish(batch(0, index * perBatch + 1, perBatch, MIB / perBatch));
        await arrived(fast, (index + 1) * perBatch);
      }
      const last = batches * perBatch;
      release();
      await eventually(() => slow.events.at(-1)?.position === last, { within, what: 'the last copy' });
      const positions = slow.events.map(({ position }) => position);
      expect(positions).to.deep.equal([...new Set(positions)].sort((a, b) => a - b));
      expect(slow.bytes).to.be.below(WAITING_MAX_BYTES);
      expect(slow.bytes).to.be.above(8 * MIB);
      expect(fast.events).to.have.length(last);
    });

    it('counts sent copies', async () => {
      await served(await subscribe());
      const { sent } = live().counters;
      live().publish(batch(0, 1, 5));
      expect(live().counters.sent).to.equal(sent + 5);
    });

    it('never gives copies to dispatch, and never makes an event routable', async () => {
      const reader = await subscribe();
      await served(reader);
      live().publish(batch(0, 1, 5));
      await arrived(reader, 5);
      expect(transport.events()).to.deep.equal([]);
      const outcomes: string[] = [];
      const channel = await transport.sink.openChannel();
      const chat = randomUUID();
      channel.publish(
        {
          ...{ id: `${chat}/1`, type: 'message.created', routingKey: `message.created.default.${chat}` },
          ...{ partitionKey: chat, traceparent: null, tracestate: null, timestamp: 0, body: Buffer.from('{}') },
        },
        (outcome) => outcomes.push(outcome),
      );
      await eventually(() => outcomes.length > 0, { within, what: 'the outcome' });
      expect(outcomes).to.deep.equal([capabilities.returnsUnroutable ? 'returned' : 'confirmed']);
      await channel.close();
    });

    it('gives nothing to a closed subscription, and does not report its loss', async () => {
      const closed = new LiveReader();
      const subscription = await live().subscribe(closed);
      const open = await subscribe();
      await served(open, closed);
      await subscription.close();
      live().publish(batch(0, 1, 3));
      await arrived(open, 3);
      await transport.stop();
      expect(closed.events).to.deep.equal([]);
      expect(closed.losses).to.have.length(0);
    });

    it('reports a lost connection once, and gives nothing after it', async () => {
      const reader = await subscribe();
      await served(reader);
      const { live: feed } = transport;
      await transport.stop();
      await eventually(() => reader.losses.length > 0, { within, what: 'the loss' });
      feed?.publish(batch(0, 1, 3));
      expect(reader.losses).to.have.length(1);
      expect(reader.events).to.deep.equal([]);
      const refused = await feed?.subscribe(new LiveReader()).then(
        () => null,
        (error: unknown) => error,
      );
      expect(refused).to.be.instanceOf(Error);
    });
  });
}

/** Notes what it gets, without the copies of `TRIAL_PARTITION`. */
export class LiveReader implements LiveHandlers {
  readonly events: LiveEvent[] = [];
  readonly losses: Error[] = [];
  trials = 0;
  bytes = 0;
  readonly #onEach: ((event: LiveEvent) => Promise<void>) | undefined;

  constructor(onEach?: (event: LiveEvent) => Promise<void>) {
    this.#onEach = onEach;
  }

  onEvent(event: LiveEvent): Promise<void> | undefined {
    if (event.partition === TRIAL_PARTITION) {
      this.trials += 1;
      return undefined;
    }
    this.bytes += event.body.length;
    this.events.push(event);
    return this.#onEach?.(event);
  }

  onLost(cause: Error): void {
    this.losses.push(cause);
  }
}

/** `count` events from a position on, each of about `bytes`. */
export function batch(partition: number, position: number, count: number, bytes = 50): LiveBatch {
  const bodies = Array.from({ length: count }, (_, index) =>
    Buffer.from(JSON.stringify({ position: position + index, text: 'grüße\n'.padEnd(bytes - 40, 'x') })),
  );
  return { partition, position, bodies };
}

function eventsOf({ partition, position, bodies }: LiveBatch): LiveEvent[] {
  return bodies.map((body, index) => ({ partition, position: position + index, body }));
}

function textOf(events: readonly LiveEvent[]) {
  return events.map(({ partition, position, body }) => ({ partition, position, body: Buffer.from(body).toString() }));
}
