/** The sums of heights behind the list of messages, against a plain array. */
import { expect } from 'chai';
import fc from 'fast-check';
import { pageModule } from './page-module.js';

interface Heights {
  readonly size: number;
  readonly total: number;
  at(index: number): number;
  offset(index: number): number;
  indexAt(y: number): number;
  set(index: number, height: number): void;
  grow(size: number, height: number): void;
}

type Step = { kind: 'set'; at: number; height: number } | { kind: 'grow'; by: number; height: number };

const height = fc.constantFrom(0, 0, 1, 56, 77, 1_000);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), at: fc.nat(2_000), height }),
    fc.record({ kind: fc.constant('grow' as const), by: fc.integer({ min: 0, max: 400 }), height }),
  ),
  { maxLength: 40 },
);

const sumOf = (heights: readonly number[]) => heights.reduce((sum, one) => sum + one, 0);

/** The first row that ends below `y`, as a plain loop finds it; the last row if there is none. */
function rowAt(heights: readonly number[], y: number): number {
  let rest = y;
  for (const [index, one] of heights.entries()) {
    if (rest < one) return index;
    rest -= one;
  }
  return Math.max(0, heights.length - 1);
}

describe('The heights of the rows', () => {
  let make: (size: number, height: number) => Heights;
  before(async () => {
    const { Heights } = await pageModule<{ Heights: new (size: number, height: number) => Heights }>(
      'model/heights.ts',
    );
    make = (size, initial) => new Heights(size, initial);
  });

  it('sum up, find a row, change and grow as an array does', () => {
    const holds = (size: number, initial: number, all: readonly Step[], ys: readonly number[]) => {
      const heights = make(size, initial);
      const model = Array.from({ length: size }, () => initial);
      for (const step of all)
        if (step.kind === 'grow') {
          heights.grow(heights.size + step.by, step.height);
          for (let count = 0; count < step.by; count += 1) model.push(step.height);
        } else if (step.at < model.length) {
          heights.set(step.at, step.height);
          model[step.at] = step.height;
        }
      expect(heights.size).to.equal(model.length);
      expect(heights.total).to.equal(sumOf(model));
      for (const y of ys) expect(heights.indexAt(y), `the row at ${y}`).to.equal(rowAt(model, y));
      for (const index of [0, 1, model.length >> 1, model.length - 1, model.length])
        if (index >= 0 && index <= model.length) expect(heights.offset(index)).to.equal(sumOf(model.slice(0, index)));
    };
    const ys = fc.array(fc.nat(120_000), { maxLength: 8 });
    fc.assert(fc.property(fc.nat(1_500), height, steps, ys, holds), { numRuns: 150 });
  });

  it('take few steps for a chat of 100,000 rows', () => {
    const heights = make(100_000, 56);
    heights.set(50_000, 0);
    expect(heights.offset(100_000)).to.equal(56 * 99_999);
    // The row without a height is never on screen.
    expect(heights.indexAt(56 * 50_000)).to.equal(50_001);
    expect(heights.indexAt(Number.MAX_SAFE_INTEGER)).to.equal(99_999);
  });
});
