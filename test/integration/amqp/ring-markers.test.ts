import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { MemoryTransportState } from '../../../src/adapters/stores/memory/memory-transport-state.js';
import type { AmqpTransport } from '../../../src/adapters/transports/amqp/amqp-transport.js';
import {
  RING_GENERATION_HEADER,
  RING_MARKER_TYPE,
} from '../../../src/adapters/transports/amqp/consume/incoming-command.js';
import { RING_GENERATION, ringSeenBy } from '../../../src/adapters/transports/amqp/topology/hash-ring.js';
import type { Subscription } from '../../../src/application/ports/transport/transport.js';
import { names, type TopologySettings } from '../../../src/contract/messages/topology.js';
import { Taker } from '../../conformance/transport/transport-conformance.js';
import { eventually } from '../../support/eventually.js';
import { amqpTransport, Outsider } from './amqp-harness.js';

const within = 10_000;

/** Fails a given number of times. */
class FailingState extends MemoryTransportState {
  failures = 0;

  override async raise(name: string, value: number): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the database is away');
    }
    await super.raise(name, value);
  }
}

describe('The marker of a ring repair', () => {
  let state: FailingState;
  let transport: AmqpTransport;
  let topology: TopologySettings;
  let queue: string;
  let outsider: Outsider;
  let open: Subscription[];

  beforeEach(async () => {
    state = new FailingState();
    const made = await amqpTransport({ state });
    ({ transport, topology } = made);
    queue = names.commandQueue(made.namespace, 0);
    await transport.start();
    outsider = await Outsider.connect(made.url);
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((subscription) => subscription.close()));
    await transport.stop();
    await outsider.deleteObjects(topology);
    await outsider.close();
  });

  const publish = async (...texts: string[]) => {
    for (const text of texts) await outsider.publish('', queue, Buffer.from(text), { messageId: text });
  };
  const mark = (generation: number) =>
    outsider.publish('', queue, Buffer.alloc(0), {
      type: RING_MARKER_TYPE,
      headers: { [RING_GENERATION_HEADER]: { '!': 'int64', value: generation } },
    });
  const subscribe = async (taker: Taker) => {
    const subscription = await transport.source.subscribe(0, 100, taker);
    open.push(subscription);
    return subscription;
  };
  const taken = (taker: Taker, count: number) =>
    eventually(() => taker.deliveries.length >= count, { within, what: `${count} deliveries` });
  const flags = (taker: Taker) => taker.deliveries.map(({ mayBeMisplaced }) => mayBeMisplaced);
  const untilWaiting = (count: number) =>
    eventually(async () => (await outsider.channel.checkQueue(queue)).messageCount === count, {
      within,
      what: `${count} commands in the queue`,
    });
  const seen = async () => (await state.read([ringSeenBy(0)]))[0];
  const untilSeen = (generation: number) =>
    eventually(async () => (await seen()) === generation, { within, what: `marker ${generation} to be recorded` });

  it('separates the deliveries that may be misplaced from those that are not, and is not delivered itself', async () => {
    await state.raise(RING_GENERATION, 2);
    await publish('a', 'b');
    await mark(1);
    await publish('c');
    await mark(2);
    await publish('d');
    const taker = new Taker();
    await subscribe(taker);
    await taken(taker, 4);
    expect(taker.ids).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(flags(taker)).to.deep.equal([true, true, true, false]);
  });

  it('is recorded when everything before it is acknowledged', async () => {
    await state.raise(RING_GENERATION, 1);
    await publish('a', 'b');
    await mark(1);
    await publish('c');
    const taker = new Taker();
    const subscription = await subscribe(taker);
    await taken(taker, 3);
    subscription.acknowledgeThrough(taker.deliveries[0]?.tag ?? 0);
    expect(await seen()).to.equal(0);
    subscription.acknowledgeThrough(taker.deliveries[2]?.tag ?? 0);
    await untilSeen(1);
    await subscription.close();
    await untilWaiting(0);
    await publish('e');
    const next = new Taker();
    await subscribe(next);
    await taken(next, 1);
    expect(flags(next)).to.deep.equal([false]);
  });

  it('is delivered to the next consumer if an earlier command was not acknowledged', async () => {
    await state.raise(RING_GENERATION, 1);
    await publish('a');
    await mark(1);
    await publish('b');
    const first = new Taker();
    const subscription = await subscribe(first);
    await taken(first, 2);
    await subscription.close();
    expect(await seen()).to.equal(0);
    const second = new Taker();
    const again = await subscribe(second);
    await taken(second, 2);
    expect(flags(second)).to.deep.equal([true, false]);
    again.acknowledgeThrough(second.deliveries[0]?.tag ?? 0);
    await untilSeen(1);
  });

  it('holds back the acknowledgements behind it until the store has recorded it', async () => {
    await state.raise(RING_GENERATION, 1);
    state.failures = 2;
    await mark(1);
    await publish('a');
    const taker = new Taker();
    const subscription = await subscribe(taker);
    await taken(taker, 1);
    await eventually(() => state.failures < 2, { within, what: 'a failed attempt' });
    subscription.acknowledgeThrough(taker.deliveries[0]?.tag ?? 0);
    expect(await seen()).to.equal(0);
    await untilSeen(1);
    // A later command shows that the subscription continues.
    await publish(randomUUID());
    await taken(taker, 2);
    await subscription.close();
    // The broker requeues after it has confirmed the close.
    await untilWaiting(1);
  });
});
