import { expect } from 'chai';
import { BatchSlots, SLOT_HELD_MAX_MS } from '../../../../src/application/processing/batch-slots.js';
import { realTime, type Time } from '../../../../src/application/runtime/time.js';

/** Pauses end when the test ends them. */
class HeldTime {
  private readonly pauses: { delayMs: number; signal: AbortSignal; end: () => void }[] = [];
  readonly time: Time = {
    ...realTime,
    pause: (delayMs, signal) => new Promise((resolve) => this.pauses.push({ delayMs, signal, end: resolve })),
  };

  /** Ends all pauses of that length that were not aborted. */
  pass(delayMs: number): void {
    for (const pause of this.pauses.splice(0)) if (pause.delayMs === delayMs && !pause.signal.aborted) pause.end();
  }

  get running(): number {
    return this.pauses.filter(({ signal }) => !signal.aborted).length;
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('The batch slots of a worker', () => {
  let held: HeldTime;
  let slots: BatchSlots;
  let begun: string[];
  const leave = new Map<string, () => void>();
  const begin = (who: string) =>
    slots.enter().then((end) => {
      begun.push(who);
      leave.set(who, end);
    });

  beforeEach(() => {
    held = new HeldTime();
    slots = new BatchSlots(2, held.time);
    begun = [];
  });

  it('are limited, and assigned in the order of requests', async () => {
    for (const who of ['a', 'b', 'c', 'd']) void begin(who);
    await settled();
    expect(begun).to.deep.equal(['a', 'b']);
    leave.get('b')?.();
    await settled();
    expect(begun).to.deep.equal(['a', 'b', 'c']);
    leave.get('a')?.();
    await settled();
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('are released once, even if release is called again', async () => {
    for (const who of ['a', 'b', 'c', 'd']) void begin(who);
    await settled();
    leave.get('a')?.();
    leave.get('a')?.();
    await settled();
    expect(begun).to.deep.equal(['a', 'b', 'c']);
  });

  it('do not count a batch that is stuck, after a short time', async () => {
    for (const who of ['a', 'b', 'c', 'd', 'e']) void begin(who);
    await settled();
    held.pass(SLOT_HELD_MAX_MS);
    await settled();
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd']);
    // The stuck batches end at last, and free no additional slot.
    leave.get('a')?.();
    leave.get('b')?.();
    await settled();
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd']);
    leave.get('c')?.();
    await settled();
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
  });

  it('leave no timer', async () => {
    for (const who of ['a', 'b']) await begin(who);
    expect(held.running).to.equal(2);
    for (const who of ['a', 'b']) leave.get(who)?.();
    expect(held.running).to.equal(0);
    for (const who of ['c', 'd']) await begin(who);
    expect(begun).to.deep.equal(['a', 'b', 'c', 'd']);
  });
});
