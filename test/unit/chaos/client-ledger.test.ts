/** The ledger of `npm run proof -- gateway-kills` must see each fault that it counts. */
import { expect } from 'chai';
import type { FeedEvent } from '../../../src/client/realtime/feed.js';
import { ClientLedger } from '../../chaos/realtime/kills/client-ledger.js';

const event = (sequence: number, id = `chat/${sequence}`) =>
  ({ type: 'message.created', id, data: { chatId: 'chat', sequence } }) as unknown as FeedEvent;
const synced = new Map([
  ['chat', { events: [1, 2, 3].map((sequence) => ({ sequence, type: '', content: JSON.stringify(event(sequence)) })) }],
]);

function verdictOf(...events: FeedEvent[]) {
  const ledger = new ClientLedger();
  for (const one of events) ledger.took(one);
  const { told, ...counts } = ledger.verdict(synced);
  return counts;
}

describe('The ledger of a client', () => {
  it('closes if each event of the log came once and in order', () => {
    expect(verdictOf(event(1), event(2), event(3))).to.deep.equal({ missed: 0, doubled: 0, wrong: 0 });
  });

  it('tells events that never came, came again, came late, or are of no log', () => {
    expect(verdictOf(event(1), event(3))).to.deep.equal({ missed: 1, doubled: 0, wrong: 0 });
    expect(verdictOf(event(1), event(2), event(2), event(3))).to.deep.equal({ missed: 0, doubled: 1, wrong: 0 });
    expect(verdictOf(event(1), event(3), event(2))).to.deep.equal({ missed: 0, doubled: 0, wrong: 1 });
    expect(verdictOf(event(1), event(2, 'other'), event(3))).to.deep.equal({ missed: 0, doubled: 0, wrong: 1 });
  });
});
