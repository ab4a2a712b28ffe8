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

/** The declared capabilities that are about more than one process. publishing.ts tests the others. */
export function capabilitiesConformance({ capabilities, open }: TransportHarness): void {
  describe('by its declared capabilities', () => {
    const chat = randomUUID();
    let transport: TransportUnderTest;
    let subscriptions: Subscription[] = [];
    beforeEach(async () => {
      transport = await open({ partitions: 1, events: 'consumed' });
    });
    afterEach(async () => {
      await closeAll(subscriptions);
      subscriptions = [];
      await transport.close();
    });

    const another = () =>
      transport.another?.() ?? expect.fail('the capability is declared, but no other process can use the transport');
    const subscribe = async (to: TransportUnderTest) => {
      const taker = new Taker();
      subscriptions.push(await to.source.subscribe(0, 100, taker));
      return taker;
    };
    const arrived = (taker: Taker, count: number) =>
      eventually(() => taker.deliveries.length >= count, { within, what: `${count} commands` });

    if (capabilities.durable)
      it('keeps accepted commands, in order, while no process runs (durable)', async () => {
        for (const name of ids(1, 20)) await transport.publish(command(name, chat));
        const next = another();
        await transport.stop();
        const successor = await next;
        try {
          const taker = await subscribe(successor);
          await arrived(taker, 20);
          expect(taker.ids).to.deep.equal(ids(1, 20));
        } finally {
          await successor.stop();
        }
      });

    if (capabilities.shared)
      it('gives the commands of a partition to one process at a time, and then to another (shared)', async () => {
        const beside = await another();
        try {
          const first = await subscribe(transport);
          const second = await subscribe(beside);
          for (const name of ids(1, 5)) await transport.publish(command(name, chat));
          await arrived(first, 5);
          expect(second.deliveries).to.have.length(0);
          await transport.stop();
          await arrived(second, 5);
          expect(second.ids).to.deep.equal(ids(1, 5));
        } finally {
          await beside.stop();
        }
      });
  });
}
