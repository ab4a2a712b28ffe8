import { expect } from 'chai';
import type { OpenStore, StoreHarness } from './store-conformance.js';

export function transportStateConformance(open: OpenStore): void {
  describe('the state of a transport', () => {
    let store: StoreHarness;

    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it('is 0 for a number that was never raised', async () => {
      expect(await store.transportState.read(['one', 'two'])).to.deep.equal([0, 0]);
      expect(await store.transportState.read([])).to.deep.equal([]);
    });

    it('keeps each number by its name, and never lowers it', async () => {
      const { transportState: state } = store;
      await state.raise('one', 3);
      await state.raise('two', 2 ** 40);
      await state.raise('one', 2);
      expect(await state.read(['two', 'none', 'one'])).to.deep.equal([2 ** 40, 0, 3]);
    });

    it('keeps the highest of numbers that are raised at the same time', async () => {
      const { transportState: state } = store;
      await Promise.all([5, 9, 1, 7].map((value) => state.raise('one', value)));
      expect(await state.read(['one'])).to.deep.equal([9]);
    });

    it('runs exclusive work for one caller at a time', async () => {
      const { transportState: state } = store;
      let inside = 0;
      const results = await Promise.all(
        [1, 2, 3].map((index) =>
          state.exclusively(async () => {
            inside += 1;
            expect(inside).to.equal(1);
            const [before = 0] = await state.read(['turns']);
            await state.raise('turns', before + 1);
            inside -= 1;
            return index;
          }),
        ),
      );
      expect(results).to.deep.equal([1, 2, 3]);
      expect(await state.read(['turns'])).to.deep.equal([3]);
    });

    it('shows others what exclusive work has raised before the work ends', async () => {
      const { transportState: state } = store;
      await state.exclusively(async () => {
        await state.raise('one', 4);
        expect(await state.read(['one'])).to.deep.equal([4]);
      });
    });

    it('passes on the error of exclusive work, and lets the next caller in', async () => {
      const { transportState: state } = store;
      const failure = new Error('the broker is gone');
      const thrown = await state.exclusively(() => Promise.reject(failure)).catch((error: unknown) => error);
      expect(thrown).to.equal(failure);
      expect(await state.exclusively(async () => 'next')).to.equal('next');
    });
  });
}
