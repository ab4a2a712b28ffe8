import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type {
  OutgoingCommand,
  OutgoingEvent,
  PublishOutcome,
} from '../../../src/application/ports/transport/transport.js';
import type { Receipt } from '../../../src/contract/messages/receipts.js';
import { eventually } from '../../support/eventually.js';
import { command, Taker, type TransportHarness, type TransportUnderTest } from './transport-conformance.js';

const within = 10_000;

export function publishingConformance(harness: TransportHarness): void {
  const chat = randomUUID();
  let transport: TransportUnderTest;
  const start = async (events: 'consumed' | 'unwanted' | 'stuck' = 'consumed') => {
    transport = await harness.open({ partitions: 2, events });
  };

  describe('outgoing events', () => {
    afterEach(() => transport.close());

    /** Publishes and waits until the outcome of each is known. */
    const publishAll = async (events: readonly OutgoingEvent[]) => {
      const outcomes: PublishOutcome[][] = events.map(() => []);
      const channel = await transport.sink.openChannel();
      for (const [index, event] of events.entries()) {
        channel.publish(event, (outcome) => outcomes[index]?.push(outcome));
        await channel.writable();
      }
      await eventually(() => outcomes.every((of) => of.length > 0), { within, what: 'every outcome' });
      await channel.close();
      expect(outcomes.every((of) => of.length === 1)).to.equal(true);
      return outcomes.flat();
    };

    it('arrive in the order of publishing, byte by byte, each confirmed once', async () => {
      await start();
      const events = Array.from({ length: 500 }, (_, index) => event(chat, index + 1));
      const outcomes = await publishAll(events);
      expect(new Set(outcomes)).to.deep.equal(new Set(['confirmed']));
      await eventually(() => transport.events().length >= 500, { within, what: 'all events' });
      expect(transport.events()).to.deep.equal(
        events.map(({ id, body }) => ({ id, body: Buffer.from(body).toString() })),
      );
    });

    it('without a bound queue are returned, if the transport detects it (returnsUnroutable)', async () => {
      await start('unwanted');
      const outcomes = await publishAll([event(chat, 1), event(chat, 2)]);
      const expected = harness.capabilities.returnsUnroutable ? 'returned' : 'confirmed';
      expect(outcomes).to.deep.equal([expected, expected]);
    });

    it('are refused if a queue is full, if there is a bound (refusesWhenFull)', async () => {
      await start('stuck');
      const outcomes: PublishOutcome[] = [];
      // One after the other: a queue notices a little late that it is full.
      for (let sequence = 1; sequence <= 40; sequence += 1)
        outcomes.push(...(await publishAll([event(chat, sequence)])));
      if (!harness.capabilities.refusesWhenFull) {
        expect(new Set(outcomes)).to.deep.equal(new Set(['confirmed']));
        return;
      }
      expect(outcomes[0]).to.equal('confirmed');
      const firstRefused = outcomes.indexOf('refused');
      expect(firstRefused).to.be.within(1, 30);
      expect(new Set(outcomes.slice(firstRefused))).to.deep.equal(new Set(['refused']));
    });

    it('are lost on a closed channel, which is reported asynchronously', async () => {
      await start();
      const channel = await transport.sink.openChannel();
      await channel.close();
      const outcomes: PublishOutcome[] = [];
      channel.publish(event(chat, 1), (outcome) => outcomes.push(outcome));
      expect(outcomes).to.deep.equal([]);
      await eventually(() => outcomes.length > 0, { within, what: 'the outcome' });
      expect(outcomes).to.deep.equal(['lost']);
      await channel.writable();
      await channel.close();
    });
  });

  describe('the command gateway', () => {
    afterEach(() => transport.close());

    it('returns each request its own receipt, also with equal command ids', async () => {
      await start();
      const worker = await serve(transport);
      const [one, two] = await Promise.all([
        transport.door.request(outgoing('same', chat, 'one'), within),
        transport.door.request(outgoing('same', chat, 'two'), within),
      ]);
      expect(one).to.deep.equal(receiptFor('same', 'one'));
      expect(two).to.deep.equal(receiptFor('same', 'two'));
      await worker.close();
    });

    it('passes type, command id, key, body, token and trace', async () => {
      await start();
      const worker = await serve(transport);
      await transport.door.request(
        { ...outgoing('c1', chat), authorization: 'Bearer x', traceparent: 'tp', tracestate: 'ts' },
        within,
      );
      const [incoming] = worker.taken();
      expect(incoming).to.include({
        type: 'message.send',
        messageId: 'c1',
        routingKey: chat,
        contentType: 'application/json',
      });
      expect(incoming?.headers).to.include({ authorization: 'Bearer x', traceparent: 'tp', tracestate: 'ts' });
      expect(Buffer.from(incoming?.body ?? []).toString()).to.equal('{"note":"c1"}');
      await worker.close();
    });

    it('returns null after the time limit, although the command is in progress', async () => {
      await start();
      expect(await transport.door.request(outgoing('c1', chat), 50)).to.equal(null);
      const worker = await serve(transport);
      await eventually(() => worker.taken().length > 0, { within, what: 'the command' });
      expect(worker.taken()[0]?.messageId).to.equal('c1');
      // The receipt came after the timeout, and does not disturb the next request.
      expect(await transport.door.request(outgoing('c2', chat), within)).to.deep.equal(receiptFor('c2', 'c2'));
      await worker.close();
    });

    it('a receipt for an address that the contract does not allow is dropped and counted', async () => {
      await start();
      const worker = await serve(transport);
      for (const address of ['', 'somewhere', 'amq.rabbitmq.reply-to', 'amq.rabbitmq.reply-to.garbage.x'])
        transport.receipts.send(address, 'corr', receiptFor('c0', 'c0'));
      expect(transport.ignoredReceipts()).to.equal(4);
      expect(await transport.door.request(outgoing('c1', chat), within)).to.deep.equal(receiptFor('c1', 'c1'));
      await worker.close();
    });
  });

  describe('dead letters', () => {
    afterEach(() => transport.close());

    it('keep body and properties, and have reason, time, routing key and worker', async () => {
      await start();
      const worker = await serve(transport);
      const sent = command('c1', chat, {
        body: Buffer.from([0, 255, 1, 254]),
        correlationId: 'corr',
        replyTo: 'nobody',
        appId: 'gateway',
        headers: { traceparent: 'given', number: 7 },
      });
      await transport.publish(sent);
      await eventually(() => worker.deliveries().length > 0, { within, what: 'the command' });
      const [delivery] = worker.deliveries();
      if (delivery === undefined) throw new Error('unreachable');
      const before = Date.now();
      await transport.deadLetters.deadLetter(delivery, 'poison', 'failed three times');
      await eventually(() => transport.deadLettered().length > 0, { within, what: 'the dead letter' });
      const [deadLettered] = transport.deadLettered();
      expect(Buffer.from(deadLettered?.body ?? [])).to.deep.equal(sent.body);
      const { type, messageId, contentType, correlationId, replyTo, appId } = sent;
      expect(deadLettered).to.include({ type, messageId, contentType, correlationId, replyTo, appId });
      expect(deadLettered?.headers).to.include({
        traceparent: 'given',
        number: 7,
        'x-parley-reason': 'poison',
        'x-parley-detail': 'failed three times',
        'x-parley-worker': 'worker-1',
        'x-parley-routing-key': chat,
      });
      const at = Date.parse(String(deadLettered?.headers['x-parley-at']));
      expect(at).to.be.within(before - 1_000, Date.now() + 1_000);
      await worker.close();
    });
  });
}

/** Answers every command with a receipt, as a worker would, and acknowledges it. */
async function serve(transport: TransportUnderTest) {
  const takers = [0, 1].map((partition) => {
    const taker = new Taker(({ tag, incoming }) => {
      const receipt = receiptFor(incoming.messageId ?? '', tagOf(incoming.body) ?? incoming.messageId ?? '');
      if (incoming.replyTo !== undefined)
        transport.receipts.send(incoming.replyTo, incoming.correlationId ?? '', receipt);
      void subscribed[partition]?.then((subscription) => subscription.acknowledgeThrough(tag));
    });
    return taker;
  });
  const subscribed = takers.map((taker, partition) => transport.source.subscribe(partition, 100, taker));
  const subscriptions = await Promise.all(subscribed);
  const deliveries = () => takers.flatMap((taker) => taker.deliveries);
  return {
    deliveries,
    taken: () => deliveries().map(({ incoming }) => incoming),
    close: async () => {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
    },
  };
}

/** What `outgoing` was given as its tag. */
function tagOf(body: Uint8Array): string | undefined {
  return /^\{"tag":"(\w+)"\}$/.exec(Buffer.from(body).toString('latin1'))?.[1];
}

function receiptFor(commandId: string, decisionId: string): Receipt {
  return {
    commandId,
    type: 'message.send',
    status: 'accepted',
    tenantId: 'default',
    chatId: null,
    messageId: null,
    sequence: null,
    at: '2026-11-20T20:15:00.123Z',
    decisionId,
    replayed: false,
  };
}

function outgoing(commandId: string, routingKey: string, tag?: string): OutgoingCommand {
  const body = Buffer.from(JSON.stringify(tag === undefined ? { note: commandId } : { tag }));
  return {
    type: 'message.send',
    commandId,
    routingKey,
    body,
    authorization: null,
    traceparent: null,
    tracestate: null,
  };
}

function event(chat: string, sequence: number): OutgoingEvent {
  return {
    id: `${chat}/${sequence}`,
    type: 'message.created',
    routingKey: `message.created.default.${chat}`,
    partitionKey: chat,
    traceparent: null,
    tracestate: null,
    timestamp: 1_795_205_700,
    body: Buffer.from(JSON.stringify({ id: `${chat}/${sequence}`, text: 'grüße'.repeat(sequence % 40) })),
  };
}
