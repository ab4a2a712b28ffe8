/** The slots of a chat on the page: what is read, what arrives meanwhile, and what has a height. */
import { expect } from 'chai';
import type { MessageRecord, StoreChange } from '../../../../src/client/realtime/public.js';
import { pageModule } from './page-module.js';

const CHAT = 'chat';
/** Messages of a page, as in timeline.ts. */
const PAGE = 100;

interface Timeline {
  readonly last: number;
  readonly heights: { size: number; at(index: number): number };
  record(index: number): MessageRecord | undefined;
  isKnown(index: number): boolean;
  previous(index: number): MessageRecord | undefined;
  neighbour(index: number, step: 1 | -1): number | undefined;
  ensure(from: number, to: number): void;
  apply(change: StoreChange, last: number): void;
}
type Range = { after?: number; before?: number; limit?: number };

const record = (sequence: number, body = `text ${sequence}`) =>
  ({ chatId: CHAT, messageId: `m${sequence}`, sequence, body }) as unknown as MessageRecord;
const change = (...records: MessageRecord[]) =>
  ({ chatIds: new Set([CHAT]), messages: new Map([[CHAT, records]]) }) as unknown as StoreChange;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A store whose reads end when the test says so, with what was there when they began. */
class HeldStore {
  readonly reads: Range[] = [];
  private readonly held: (() => void)[] = [];

  constructor(readonly records: MessageRecord[]) {}

  messages(_chatId: string, range: Range): Promise<MessageRecord[]> {
    const { after = 0, before = Number.POSITIVE_INFINITY } = range;
    this.reads.push(range);
    const found = this.records.filter(({ sequence }) => sequence > after && sequence < before);
    return new Promise((resolve) => this.held.push(() => resolve(found)));
  }

  async answer(): Promise<void> {
    for (const end of this.held.splice(0)) end();
    await turn();
  }
}

describe('The timeline of a chat', () => {
  let make: (store: HeldStore, first: number, last: number) => Timeline;
  before(async () => {
    const { Timeline } = await pageModule<{
      Timeline: new (store: HeldStore, chatId: string, first: number, last: number) => Timeline;
    }>('model/timeline.ts');
    make = (store, first, last) => new Timeline(store, CHAT, first, last);
  });

  it('reads each page once, and slots without a message have no height', async () => {
    const store = new HeldStore([record(2), record(4), record(250)]);
    const timeline = make(store, 1, 300);
    timeline.ensure(0, 150);
    timeline.ensure(0, 150);
    expect(store.reads.map(({ after, before }) => [after, before])).to.deep.equal([
      [0, PAGE + 1],
      [PAGE, 2 * PAGE + 1],
    ]);
    await store.answer();
    expect([0, 1, 2, 3].map((index) => timeline.heights.at(index) > 0)).to.deep.equal([false, true, false, true]);
    expect(timeline.previous(3)?.sequence).to.equal(2);
    expect(timeline.neighbour(3, -1)).to.equal(1);
    // A page without any message is not read again.
    timeline.ensure(PAGE, PAGE);
    expect(store.reads).to.have.length(2);
    expect(timeline.isKnown(PAGE)).to.equal(true);
    expect(timeline.isKnown(2 * PAGE)).to.equal(false);
  });

  it('keeps a message that arrives while its page is read', async () => {
    const store = new HeldStore([record(1)]);
    const timeline = make(store, 1, 1);
    timeline.ensure(0, 0);
    timeline.apply(change(record(2)), 2);
    await store.answer();
    expect([timeline.record(0)?.body, timeline.record(1)?.body]).to.deep.equal(['text 1', 'text 2']);
  });

  it('keeps an edit that arrives while the page is read', async () => {
    const store = new HeldStore([record(1)]);
    const timeline = make(store, 1, 1);
    timeline.ensure(0, 0);
    timeline.apply(change(record(1, 'edited')), 1);
    await store.answer();
    expect(timeline.record(0)?.body).to.equal('edited');
  });

  it('gives no height to an event without a message that arrives while the page is read', async () => {
    const store = new HeldStore([record(1)]);
    const timeline = make(store, 1, 1);
    timeline.ensure(0, 0);
    timeline.apply(change(), 2);
    await store.answer();
    expect(timeline.heights.size).to.equal(2);
    expect(timeline.heights.at(1)).to.equal(0);
  });

  it('grows at the end without reading', async () => {
    const store = new HeldStore([record(1)]);
    const timeline = make(store, 1, 1);
    timeline.ensure(0, 0);
    await store.answer();
    for (let sequence = 2; sequence <= 3 * PAGE; sequence += 1) timeline.apply(change(record(sequence)), sequence);
    expect(timeline.last).to.equal(3 * PAGE);
    timeline.ensure(0, 3 * PAGE - 1);
    expect(store.reads).to.have.length(1);
    expect(timeline.record(3 * PAGE - 1)?.sequence).to.equal(3 * PAGE);
  });
});
