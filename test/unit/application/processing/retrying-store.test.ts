import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';
import { MemoryCommandStore } from '../../../../src/adapters/stores/memory/memory-command-store.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { StoreError } from '../../../../src/application/ports/store/command-store.js';
import { OutcomeUnknown, RetryingStore } from '../../../../src/application/processing/execution/retrying-store.js';
import { realTime } from '../../../../src/application/runtime/time.js';
import { collectedLog } from '../../../support/collected-log.js';

describe('An undisturbed store call of a worker', () => {
  let store: RetryingStore;
  /** In the order in which things happened. */
  let happened: string[];
  let failures: string[];
  const { signal } = new AbortController();
  const asking = { partition: 0, signal };

  beforeEach(() => {
    happened = [];
    failures = [];
    store = new RetryingStore({
      store: new MemoryCommandStore(new MemoryTables()),
      observer: { transactionFailed: (kind) => failures.push(kind) },
      logger: collectedLog().logger,
      time: realTime,
      onStoreTrouble: () => undefined,
    });
  });

  /** Starts, and ends when the test ends it. */
  function lasting(name: string) {
    let end: (error?: Error) => void = () => undefined;
    const ending = new Promise<void>((resolve, reject) => {
      end = (error) => (error === undefined ? resolve() : reject(error));
    });
    const call = async () => {
      happened.push(`${name} begins`);
      await ending.finally(() => happened.push(`${name} ends`));
    };
    return { call, end };
  }
  /** Whatever can happen by itself has happened. */
  const settled = async () => {
    for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  };

  it('begins when no other call is in progress, and no other begins until it ends', async () => {
    const [first, alone, second] = [lasting('first'), lasting('alone'), lasting('second')];
    const all = [
      store.callWithRetry(first.call, asking),
      store.callExclusively(alone.call),
      store.callWithRetry(second.call, asking),
    ];
    await settled();
    expect(happened).to.deep.equal(['first begins']);
    first.end();
    await settled();
    expect(happened.slice(1)).to.deep.equal(['first ends', 'alone begins']);
    alone.end();
    await settled();
    expect(happened.slice(3)).to.deep.equal(['alone ends', 'second begins']);
    second.end();
    await Promise.all(all);
  });

  it('runs one at a time, with any outcome', async () => {
    const [first, second] = [lasting('first'), lasting('second')];
    const failed = store.callExclusively(first.call).catch((error: Error) => error.message);
    const done = store.callExclusively(second.call);
    await settled();
    first.end(new Error('refused'));
    await settled();
    second.end();
    await done;
    expect(await failed).to.equal('refused');
    expect(happened).to.deep.equal(['first begins', 'first ends', 'second begins', 'second ends']);
  });

  it('does not wait for calls that wait to be retried', async () => {
    let tries = 0;
    const waiting = store.callWithRetry(async () => {
      tries += 1;
      happened.push(`try ${tries}`);
      if (tries === 1) throw new StoreError('unavailable', 'away');
    }, asking);
    await settled();
    await store.callExclusively(async () => void happened.push('alone'));
    await waiting;
    expect(happened).to.deep.equal(['try 1', 'alone', 'try 2']);
    expect(failures).to.deep.equal(['unavailable']);
  });

  for (const kind of ['unavailable', 'timed_out', 'contention'] as const)
    it(`is not retried after a store failure (${kind})`, async () => {
      const failing = store.callExclusively(async () => {
        throw new StoreError(kind, 'away');
      });
      expect(await failing.catch((error: Error) => error)).to.include({ name: 'StoreError', kind });
      expect(failures).to.deep.equal([kind]);
    });

  it('reports an unknown commit outcome', async () => {
    const failing = store.callExclusively(async () => {
      throw new StoreError('unknown', 'no reply to COMMIT');
    });
    expect(await failing.catch((error: Error) => error)).to.be.instanceOf(OutcomeUnknown);
  });
});
