import type { Message } from 'amqplib';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  LIVE_MESSAGE_MAX_BYTES,
  liveEvents,
  liveMessages,
} from '../../../../src/adapters/transports/amqp/live/live-message.js';
import type { LiveBatch } from '../../../../src/application/ports/transport/live-feed.js';
import { MAX_MESSAGE_BYTES } from '../../../../src/contract/messages/topology.js';

/** As the consumer gets it. */
function received({ body, properties }: { body: Buffer; properties: object }): Message {
  return { content: body, properties, fields: {} } as Message;
}

function decoded(batch: LiveBatch) {
  return [...liveMessages(batch)].flatMap((message) => [...liveEvents(received(message))]);
}

describe('A message of the live feed', () => {
  it('keeps each event with its position and its bytes, however a batch is divided', () => {
    const texts = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constant('x'.repeat(100_000))), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(texts, fc.nat(1_000), fc.nat(2 ** 40), (values, partition, position) => {
        const bodies = values.map((value) => Buffer.from(JSON.stringify({ value })));
        expect(decoded({ partition, position, bodies })).to.deep.equal(
          bodies.map((body, index) => ({ partition, position: position + index, body })),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('has a burst of small events in one message, and never several events above the limit', () => {
    const small = Array.from({ length: 128 }, () => Buffer.alloc(1_000, 'x'));
    expect([...liveMessages({ partition: 0, position: 1, bodies: small })].map(({ count }) => count)).to.deep.equal([
      128,
    ]);
    const large = [LIVE_MESSAGE_MAX_BYTES + 1, 10, LIVE_MESSAGE_MAX_BYTES - 12, 1].map((size) =>
      Buffer.alloc(size, 'x'),
    );
    const messages = [...liveMessages({ partition: 0, position: 1, bodies: large })];
    expect(messages.map(({ count }) => count)).to.deep.equal([1, 2, 1]);
    for (const { count, body } of messages) if (count > 1) expect(body.length).to.be.at.most(LIVE_MESSAGE_MAX_BYTES);
    expect(LIVE_MESSAGE_MAX_BYTES).to.be.below(MAX_MESSAGE_BYTES);
  });

  it('from another program has no events', () => {
    const body = Buffer.from('{}\n');
    for (const headers of [
      undefined,
      {},
      { partition: 1 },
      { partition: '1', position: 1 },
      { partition: 1, position: -1 },
    ])
      expect([...liveEvents(received({ body, properties: { headers } }))]).to.deep.equal([]);
    const cut = { body: Buffer.from('{}\n{"a"'), properties: { headers: { partition: 1, position: 5 } } };
    expect([...liveEvents(received(cut))].map(({ position }) => position)).to.deep.equal([5]);
  });
});
