import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Subscription } from '../../../src/application/ports/transport/transport.js';
import { eventually } from '../../support/eventually.js';
import {
  closeAll,
  command,
  ids,
  Taker,
  type TransportHarness,
  type TransportUnderTest,
} from './transport-conformance.js';

const within = 10_000;

export function consumingConformance(harness: TransportHarness): void {
  describe('incoming commands', () => {
    const chat = randomUUID();
    let transport: TransportUnderTest;
    let open: Subscription[] = [];

    const start = async (partitions: number) => {
      transport = await harness.open({ partitions, events: 'consumed' });
    };
    const subscribe = async (partition: number, prefetch: number, taker: Taker) => {
      const subscription = await transport.source.subscribe(partition, prefetch, taker);
      open.push(subscription);
      return subscription;
    };
    const publish = async (names: readonly string[]) => {
      for (const name of names) await transport.publish(command(name, chat));
    };
    const taken = (taker: Taker, count: number) =>
      eventually(() => taker.deliveries.length >= count, { within, what: `${count} commands` });

    afterEach(async () => {
      await closeAll(open);
      open = [];
      await transport.close();
    });

    it("a chat's commands arrive at one partition, each once, in the order of publishing", async () => {
      await start(4);
      const chats = Array.from({ length: 24 }, () => randomUUID());
      const takers = Array.from({ length: 4 }, () => new Taker());
      await Promise.all(takers.map((taker, partition) => subscribe(partition, 500, taker)));
      for (let round = 1; round <= 12; round += 1)
        for (const routingKey of chats) await transport.publish(command(`${routingKey}/${round}`, routingKey));
      const total = () => takers.reduce((sum, { deliveries }) => sum + deliveries.length, 0);
      await eventually(() => total() >= chats.length * 12, { within, what: 'all commands' });
      expect(total()).to.equal(chats.length * 12);
      for (const routingKey of chats) {
        const homes = takers.filter(({ deliveries }) =>
          deliveries.some(({ incoming }) => incoming.routingKey === routingKey),
        );
        expect(homes).to.have.length(1);
        const mine = homes[0]?.deliveries.filter(({ incoming }) => incoming.routingKey === routingKey) ?? [];
        expect(mine.map(({ incoming }) => incoming.messageId)).to.deep.equal(
          Array.from({ length: 12 }, (_, index) => `${routingKey}/${index + 1}`),
        );
      }
      expect(takers.filter(({ deliveries }) => deliveries.length > 0)).to.have.length.greaterThan(1);
    });

    it('a command arrives with unchanged body and properties', async () => {
      await start(1);
      const taker = new Taker();
      await subscribe(0, 10, taker);
      const sent = command('c1', chat, {
        body: Buffer.from([0, 255, 1, 254]),
        contentEncoding: 'utf-8',
        correlationId: 'corr',
        replyTo: 'nobody',
        appId: 'gateway',
        priority: 0,
        headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', number: 7 },
      });
      await transport.publish(sent);
      await taken(taker, 1);
      const [delivery] = taker.deliveries;
      expect(delivery?.deliveryCount).to.equal(0);
      expect(delivery?.mayBeMisplaced).to.equal(false);
      const { body, ...properties } = delivery?.incoming ?? command('none', chat);
      expect(Buffer.from(body)).to.deep.equal(sent.body);
      const { body: _, ...expected } = sent;
      for (const [name, value] of Object.entries(expected)) expect(properties, name).to.have.deep.property(name, value);
    });

    it('no handler is called before the subscription is returned', async () => {
      await start(1);
      await publish(ids(1, 50));
      let isInHand = false;
      let early = 0;
      const taker = new Taker(() => {
        if (!isInHand) early += 1;
      });
      const subscription = await transport.source.subscribe(0, 50, taker);
      isInHand = true;
      open.push(subscription);
      await taken(taker, 50);
      expect(early).to.equal(0);
    });

    it('only one of two subscriptions is active; when it ends, the other gets the rest, in order', async () => {
      await start(1);
      const first = new Taker();
      const second = new Taker();
      const active = await subscribe(0, 8, first);
      await subscribe(0, 100, second);
      await publish(ids(1, 20));
      await taken(first, 8);
      expect(first.ids).to.deep.equal(ids(1, 8));
      expect(second.deliveries).to.have.length(0);
      active.acknowledgeThrough(first.deliveries[2]?.tag ?? -1);
      await taken(first, 11);
      await active.close();
      await taken(second, 17);
      expect(second.ids).to.deep.equal(ids(4, 20));
      expect(second.counts).to.deep.equal([...new Array(8).fill(1), ...new Array(9).fill(0)]);
      expect(first.losses).to.have.length(0);
    });

    it('a waiting subscription that is closed never becomes active', async () => {
      await start(1);
      const [first, second, third] = [new Taker(), new Taker(), new Taker()];
      const active = await subscribe(0, 10, first);
      const waiting = await subscribe(0, 10, second);
      await subscribe(0, 10, third);
      await waiting.close();
      await active.close();
      await publish(ids(1, 3));
      await taken(third, 3);
      expect(second.deliveries).to.have.length(0);
    });

    it('requeued commands are delivered again in their place, counted, before undelivered ones', async () => {
      await start(1);
      await publish(ids(1, 30));
      const first = new Taker();
      const one = await subscribe(0, 10, first);
      await taken(first, 10);
      one.acknowledgeThrough(first.deliveries[3]?.tag ?? -1);
      await taken(first, 14);
      await one.close();
      const again = new Taker();
      const two = await subscribe(0, 100, again);
      await taken(again, 26);
      expect(again.ids).to.deep.equal(ids(5, 30));
      expect(again.counts).to.deep.equal([...new Array(10).fill(1), ...new Array(16).fill(0)]);
      await two.close();
      const once = new Taker();
      await subscribe(0, 100, once);
      await taken(once, 26);
      expect(once.ids).to.deep.equal(ids(5, 30));
      expect(once.counts).to.deep.equal([...new Array(10).fill(2), ...new Array(16).fill(1)]);
    });

    it('acknowledging one delivery acknowledges all before it permanently', async () => {
      await start(1);
      await publish(ids(1, 10));
      const first = new Taker();
      const one = await subscribe(0, 10, first);
      await taken(first, 10);
      one.acknowledgeThrough(first.deliveries[9]?.tag ?? -1);
      await one.close();
      await publish(['next']);
      const second = new Taker();
      await subscribe(0, 10, second);
      await taken(second, 1);
      expect(second.ids).to.deep.equal(['next']);
    });

    it('at most the prefetch is unacknowledged, and acknowledging makes room', async () => {
      await start(1);
      let acknowledged = 0;
      let most = 0;
      const taker = new Taker(({ tag }) => {
        most = Math.max(most, taker.deliveries.length - acknowledged);
        if (taker.deliveries.length - acknowledged < 7) return;
        subscription.acknowledgeThrough(tag);
        acknowledged = taker.deliveries.length;
      });
      const subscription = await subscribe(0, 7, taker);
      await publish(ids(1, 70));
      await taken(taker, 70);
      expect(most).to.equal(7);
      expect(taker.ids).to.deep.equal(ids(1, 70));
    });

    it('tags rise; acknowledging an old tag or an ended subscription has no effect, an unknown tag is a bug', async () => {
      await start(1);
      await publish(ids(1, 3));
      const taker = new Taker();
      const subscription = await subscribe(0, 10, taker);
      await taken(taker, 3);
      const tags = taker.deliveries.map(({ tag }) => tag);
      expect(tags).to.deep.equal([...tags].sort((a, b) => a - b));
      expect(new Set(tags).size).to.equal(3);
      const [oldest = -1, , newest = -1] = tags;
      expect(() => subscription.acknowledgeThrough(newest + 1)).to.throw(RangeError);
      subscription.acknowledgeThrough(newest);
      subscription.acknowledgeThrough(oldest);
      await publish(['after']);
      await taken(taker, 4);
      await subscription.close();
      await subscription.close();
      subscription.acknowledgeThrough(taker.deliveries[3]?.tag ?? -1);
      const next = new Taker();
      await subscribe(0, 10, next);
      await taken(next, 1);
      expect(next.ids).to.deep.equal(['after']);
    });

    it('a rerouted command arrives at its own partition unchanged', async () => {
      await start(3);
      const takers = Array.from({ length: 3 }, () => new Taker());
      await Promise.all(takers.map((taker, partition) => subscribe(partition, 10, taker)));
      await transport.publish(command('c1', chat, { correlationId: 'corr', headers: { traceparent: 'given' } }));
      const all = () => takers.flatMap(({ deliveries }) => deliveries);
      await eventually(() => all().length >= 1, { within, what: 'the command' });
      const [first] = all();
      if (first === undefined) throw new Error('unreachable');
      await transport.source.reroute(first);
      await eventually(() => all().length >= 2, { within, what: 'the command again' });
      expect(takers.filter(({ deliveries }) => deliveries.length === 2)).to.have.length(1);
      const [, second] = all();
      expect(Buffer.from(second?.incoming.body ?? [])).to.deep.equal(Buffer.from(first.incoming.body));
      const { headers, body: _body, ...properties } = second?.incoming ?? command('none', chat);
      const { headers: before, body: _before, ...expected } = first.incoming;
      expect(properties).to.deep.equal(expected);
      expect(headers).to.include(before);
    });

    it('a forwarded command arrives at the given partition, unchanged and marked, after earlier commands', async () => {
      await start(3);
      const takers = Array.from({ length: 3 }, () => new Taker());
      await Promise.all(takers.map((taker, partition) => subscribe(partition, 10, taker)));
      await transport.publish(command('c1', chat, { correlationId: 'corr', headers: { traceparent: 'given' } }));
      const all = () => takers.flatMap(({ deliveries }) => deliveries);
      await eventually(() => all().length >= 1, { within, what: 'the command' });
      const [first] = all();
      if (first === undefined) throw new Error('unreachable');
      expect(first.isForwarded).to.equal(false);
      const wrong = takers.findIndex(({ deliveries }) => deliveries.length > 0);
      const home = (wrong + 1) % 3;
      for (let time = 1; time <= 2; time += 1) await transport.source.forward(first, home);
      await eventually(() => takers[home]?.deliveries.length === 2, { within, what: 'the command at home' });
      expect(all()).to.have.length(3);
      for (const { incoming, isForwarded } of takers[home]?.deliveries ?? []) {
        expect(isForwarded).to.equal(true);
        const { headers, body, ...properties } = incoming;
        const { headers: before, body: expectedBody, ...expected } = first.incoming;
        expect(Buffer.from(body)).to.deep.equal(Buffer.from(expectedBody));
        expect(properties).to.deep.equal(expected);
        expect(headers).to.include(before);
      }
      // Sent on through the hash exchange it is a command like any other; put away, it keeps its routing key.
      const [atHome] = takers[home]?.deliveries ?? [];
      if (atHome === undefined) throw new Error('unreachable');
      await transport.source.reroute(atHome);
      await eventually(() => takers[wrong]?.deliveries.length === 2, { within, what: 'the command again' });
      expect(takers[wrong]?.deliveries[1]).to.deep.include({ isForwarded: false });
      await transport.deadLetters.deadLetter(atHome, 'misrouted', 'detail');
      await eventually(() => transport.deadLettered().length === 1, { within, what: 'the dead letter' });
      expect(transport.deadLettered()[0]?.headers).to.include({ 'x-parley-routing-key': chat });
      expect(transport.deadLettered()[0]?.headers).to.not.have.property('x-parley-forwarded');
    });
  });
}
