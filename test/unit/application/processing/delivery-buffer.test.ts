import { expect } from 'chai';
import fc from 'fast-check';
import type { Delivery } from '../../../../src/application/ports/transport/transport.js';
import {
  BATCH_MAX_BYTES,
  BATCH_MAX_COMMANDS,
  DeliveryBuffer,
  isSuspect,
  SUSPECT_DELIVERY_COUNT,
  SUSPECTS_TOGETHER,
} from '../../../../src/application/processing/delivery-buffer.js';

interface Planned {
  bytes?: number;
  deliveryCount?: number;
}

function delivery({ bytes = 10, deliveryCount = 0 }: Planned, tag: number): Delivery {
  // Only the length of the body counts.
  const body = { byteLength: bytes } as Uint8Array;
  return {
    tag,
    incoming: { body, routingKey: '', headers: {} },
    deliveryCount,
    mayBeMisplaced: false,
    isForwarded: false,
  };
}

/** Returns the sizes of all batches. Checks that together they have all deliveries in order. */
function batchesOf(planned: Planned[]): Delivery[][] {
  const buffer = new DeliveryBuffer();
  for (const [tag, plan] of planned.entries()) buffer.push(delivery(plan, tag));
  const batches: Delivery[][] = [];
  while (!buffer.isEmpty) batches.push(buffer.take());
  expect(batches.flat().map(({ tag }) => tag)).to.deep.equal([...planned.keys()]);
  return batches;
}
const sizes = (planned: Planned[]) => batchesOf(planned).map((batch) => batch.length);
const many = (count: number, plan: Planned = {}) => Array.from({ length: count }, () => plan);

describe('A micro-batch', () => {
  it(`contains all waiting commands, up to ${BATCH_MAX_COMMANDS}`, () => {
    expect(sizes(many(3))).to.deep.equal([3]);
    expect(sizes(many(BATCH_MAX_COMMANDS))).to.deep.equal([BATCH_MAX_COMMANDS]);
    expect(sizes(many(2 * BATCH_MAX_COMMANDS + 1))).to.deep.equal([BATCH_MAX_COMMANDS, BATCH_MAX_COMMANDS, 1]);
  });

  it('is bounded in bytes, except for a single larger command', () => {
    const quarter = { bytes: BATCH_MAX_BYTES / 4 };
    expect(sizes(many(9, quarter))).to.deep.equal([4, 4, 1]);
    expect(sizes([{}, { bytes: 2 * BATCH_MAX_BYTES }, {}])).to.deep.equal([1, 1, 1]);
  });

  it(`contains only suspects, up to ${SUSPECTS_TOGETHER}, or none`, () => {
    const suspect = { deliveryCount: SUSPECT_DELIVERY_COUNT };
    const returned = { deliveryCount: SUSPECT_DELIVERY_COUNT - 1 };
    expect(sizes([{}, returned, suspect, suspect, {}, {}])).to.deep.equal([2, 2, 2]);
    const suspects = many(2 * SUSPECTS_TOGETHER + 1, { deliveryCount: 2 * SUSPECT_DELIVERY_COUNT });
    expect(sizes(suspects)).to.deep.equal([SUSPECTS_TOGETHER, SUSPECTS_TOGETHER, 1]);
  });

  it('keeps order and bounds for any input', () => {
    const plan = fc.record({
      bytes: fc.constantFrom(0, 1, BATCH_MAX_BYTES / 3, BATCH_MAX_BYTES),
      deliveryCount: fc.constantFrom(0, 0, 0, 1, 2, 7),
    });
    fc.assert(
      fc.property(fc.array(plan, { maxLength: 400 }), (planned) => {
        for (const batch of batchesOf(planned)) {
          expect(new Set(batch.map(isSuspect)).size, 'of one kind').to.equal(1);
          expect(batch.length).to.be.within(1, batch.some(isSuspect) ? SUSPECTS_TOGETHER : BATCH_MAX_COMMANDS);
          const bytes = batch.reduce((sum, { incoming }) => sum + incoming.body.byteLength, 0);
          if (batch.length > 1) expect(bytes).to.be.at.most(BATCH_MAX_BYTES);
        }
      }),
    );
  });
});
