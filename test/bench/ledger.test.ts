import { expect } from 'chai';
import { Answers, SENT } from '../../bench/measuring/answers.js';
import { faultsOf, type Ledger } from '../../bench/measuring/ledger.js';
import { SequenceCheck } from '../../bench/measuring/sequence-check.js';
import type { Receipt } from '../../src/contract/messages/receipts.js';

const receipt = (status: 'accepted' | 'rejected', more: Partial<Receipt> = {}) =>
  ({ status, replayed: false, ...more }) as Receipt;
const command = (commandId: string, more = {}) => ({
  ...{ type: 'message.send', commandId, chatId: 'c', actorId: 'a', data: {} },
  ...more,
});

describe("the bench's ledger", () => {
  it('accepts each expected answer once, and no other', () => {
    const answers = new Answers();
    answers.sent(command('1'));
    answers.sent(command('2', { expects: { ...SENT, answer: 'not_found', event: 'command.rejected' } }));
    answers.sent(
      command('1', { deliveryId: '1-again', expects: { answer: 'replayed', event: null, isStored: false } }),
    );
    answers.took('1', receipt('accepted'));
    answers.took('1-again', receipt('accepted', { replayed: true }));
    answers.took('2', receipt('rejected', { reason: { code: 'not_found', title: '' } }));
    expect(answers).to.include({ attempted: 3, receipted: 3, waiting: 0, unexpected: 0 });
    expect(answers.expected).to.deep.equal({ stored: 2, events: 2, messages: 1 });

    answers.took('1', receipt('accepted'));
    answers.sent(command('3'));
    answers.took('3', receipt('rejected', { reason: { code: 'muted', title: '' } }));
    expect(answers.unexpected).to.equal(2);
    expect(answers.examples).to.deep.equal(['another answer to 1', 'message.send was muted, not accepted']);
  });

  it('distinguishes repeats, late sequences and missing sequences', () => {
    const check = new SequenceCheck(true);
    for (const id of ['c/1', 'c/2', 'c/2', 'c/4', 'd/1', 'c/3', 'c/6', 'c/1']) check.take(id);
    expect(check).to.include({ arrived: 6, reordered: 1, gaps: 1 });
  });

  it('accepts ascending positions of a log, with gaps for other events', () => {
    const check = new SequenceCheck(true);
    for (const id of ['p3/7', 'p3/12', 'p3/12', 'p4/1', 'p3/40']) check.take(id);
    expect(check).to.include({ arrived: 4, reordered: 0, gaps: 0 });
  });

  const expected = { stored: 10, events: 10, messages: 9 };
  const rows = { events: 10, messages: 9 };
  const closed: Ledger = {
    ...{ attempted: 12, receipted: 12, stored: 10, published: 10, dispatched: 10 },
    ...{ lost: 0, duplicated: 0, reordered: 0, gaps: 0, unexpected: 0 },
  };

  it('closes if everything is correct, also for a service without a published position', () => {
    expect(faultsOf(closed, expected, rows)).to.deep.equal([]);
    expect(faultsOf({ ...closed, published: null }, expected, rows)).to.deep.equal([]);
  });

  it('does not close if any part is wrong', () => {
    const wrong = {
      attempted: 13,
      receipted: 11,
      stored: 9,
      published: 9,
      dispatched: 11,
      duplicated: 1,
      reordered: 1,
      gaps: 1,
      unexpected: 1,
    };
    for (const [name, value] of Object.entries(wrong))
      expect(faultsOf({ ...closed, [name]: value }, expected, rows), name).to.have.length(1);
    expect(faultsOf(closed, expected, { ...rows, events: 11 })).to.deep.equal(['11 of 10 events in the log']);
    expect(faultsOf(closed, expected, { ...rows, messages: 8 })).to.deep.equal(['8 of 9 messages there']);
  });
});
