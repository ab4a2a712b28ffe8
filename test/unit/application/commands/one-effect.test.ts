import { expect } from 'chai';
import { refusal } from '../../../../src/contract/messages/problems.js';
import { DeciderHarness, type Draft } from './decider-harness.js';
import { add, create, GROUP, NOWHERE, remove, send, upsert } from './drafts.js';

function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.given(create('alice', GROUP, ['bob']));
  return harness;
}

/** Together in one batch, or each in its own. */
const ways: Record<string, (harness: DeciderHarness, drafts: Draft[]) => ReturnType<DeciderHarness['answers']>> = {
  'within one batch': (harness, drafts) => harness.answers(...drafts),
  'in later batches': (harness, drafts) => drafts.map((draft) => harness.answer(draft)),
};

for (const [when, answersOf] of Object.entries(ways))
  describe(`A repeated command ${when}`, () => {
    it('gets the first receipt, marked as replayed, and has no second effect', () => {
      const harness = group();
      const draft = send('alice', GROUP, 'once', {}, { commandId: 'c-1' });
      const [first, second, third] = answersOf(harness, [draft, draft, { ...draft }]);
      expect(first).to.include({ status: 'accepted', sequence: 2, replayed: false });
      expect(second).to.deep.equal({ ...first, replayed: true });
      expect(third).to.deep.equal(second);
      expect(harness.messages).to.have.property('size', 1);
      expect(harness.log).to.have.length(2);
      expect(harness.chat(GROUP).lastSequence).to.equal(2);
    });

    it('with other content is a conflict: neither a second effect nor the first receipt', () => {
      const harness = group();
      const over = { commandId: 'c-1' };
      const [first, other, again] = answersOf(harness, [
        send('alice', GROUP, 'once', {}, over),
        send('alice', GROUP, 'twice', {}, over),
        send('alice', GROUP, 'once', {}, over),
      ]);
      expect(other).to.deep.include({
        status: 'rejected',
        messageId: null,
        sequence: null,
        decisionId: null,
        replayed: false,
      });
      expect(other?.reason).to.include({ code: 'conflict', detail: 'the same command id came with other content' });
      expect(again).to.deep.equal({ ...first, replayed: true });
      expect(harness.messages).to.have.property('size', 1);
      expect(harness.log).to.have.length(2);
    });

    it('of another type, or for another chat, is a conflict', () => {
      const over = { commandId: 'c-1' };
      for (const other of [remove('alice', GROUP, 'bob', over), send('alice', NOWHERE, 'once', {}, over)]) {
        const harness = group();
        const receipts = answersOf(harness, [send('alice', GROUP, 'once', {}, over), other]);
        expect(receipts[1]?.reason?.code).to.equal('conflict');
        expect(receipts[1]).to.include({ type: other.type, chatId: other.body.chatId });
      }
    });

    it('by another actor or in another tenant is another command', () => {
      const harness = group();
      const over = { commandId: 'c-1' };
      const receipts = answersOf(harness, [
        send('alice', GROUP, 'hello', {}, over),
        send('bob', GROUP, 'hello', {}, over),
        upsert('alice', { displayName: 'A' }, { ...over, tenantId: 'acme' }),
      ]);
      expect(receipts.map(({ status, replayed }) => [status, replayed])).to.deep.equal([
        ['accepted', false],
        ['accepted', false],
        ['accepted', false],
      ]);
    });

    it('after a stored refusal gets that refusal, even if it could be accepted now', () => {
      const harness = group();
      const draft = send('carol', GROUP, 'hello', {}, { commandId: 'c-1' });
      const [refused, , again] = answersOf(harness, [draft, add('alice', GROUP, ['carol']), draft]);
      expect(refused?.reason?.code).to.equal('not_found');
      expect(again).to.deep.equal({ ...refused, replayed: true });
      expect(harness.messages).to.have.property('size', 0);
    });

    it('after a refusal that is not stored is decided again', () => {
      const harness = group();
      const draft = remove('alice', GROUP, 'alice', { commandId: 'c-1' });
      const [refused, , again] = answersOf(harness, [draft, add('alice', GROUP, ['carol'], 'owner'), draft]);
      expect(refused?.reason?.code).to.equal('conflict');
      expect(again).to.include({ status: 'accepted', sequence: 3, replayed: false });
    });
  });

describe('A stored refusal', () => {
  const refused: [string, () => DeciderHarness, Draft, string][] = [
    ['a violation of the contract', group, send('alice', GROUP, ''), 'invalid'],
    ['an unknown type', group, { ...send('alice', GROUP), type: 'message.shout' }, 'unsupported_type'],
    ['a body over its limit', group, send('alice', GROUP, 'x'.repeat(300_000)), 'too_large'],
    ['a chat that is not there', group, send('alice', NOWHERE), 'not_found'],
    ['a no from the policy', group, add('bob', GROUP, ['carol']), 'not_permitted'],
  ];
  for (const [what, stageOf, draft, code] of refused)
    it(`writes its receipt and one event (${what})`, () => {
      const harness = stageOf();
      const { commandId } = draft;
      const receipt = harness.answer(draft);
      expect(receipt.reason?.code).to.equal(code);
      expect(receipt).to.include({ status: 'rejected', commandId, sequence: null, messageId: null, replayed: false });
      expect([...harness.receipts.values()].at(-1)?.receipt).to.deep.equal(receipt);
      expect(harness.log).to.have.length(2);
      expect(harness.log[1]).to.deep.include({
        chatId: null,
        sequence: null,
        actorId: draft.body.actorId,
        commandId,
        event: { type: 'command.rejected', receipt },
      });
      expect(harness.chat(GROUP).lastSequence).to.equal(1);
    });

  it('names the decision if the policy was asked', () => {
    const harness = group();
    expect(harness.answer(add('bob', GROUP, ['carol'])).decisionId).to.be.a('string');
    expect(harness.answer(send('alice', GROUP, '')).decisionId).to.equal(null);
  });
});

describe('A refusal that is not stored', () => {
  it('writes neither receipt nor event (conflict)', () => {
    const harness = group();
    expect(harness.answer(create('bob', GROUP, [])).reason?.code).to.equal('conflict');
    expect(harness.receipts).to.have.property('size', 1);
    expect(harness.log).to.have.length(1);
  });

  it('writes neither receipt nor event (unauthenticated), and reads no attributes', () => {
    const harness = group();
    const unauthenticated = refusal('unauthenticated', 'the token has expired');
    const receipt = harness.answer(send('alice', GROUP, 'hello', {}, { unauthenticated }));
    expect(receipt).to.deep.include({ status: 'rejected', decisionId: null, reason: unauthenticated });
    expect(harness.receipts).to.have.property('size', 1);
    expect(harness.log).to.have.length(1);
  });

  it('of an unauthenticated command is not the stored receipt of the authenticated one', () => {
    const harness = group();
    const draft = send('alice', GROUP, 'secret', {}, { commandId: 'c-1' });
    const unauthenticated = refusal('unauthenticated', 'the header authorization with a bearer token is missing');
    const [first, second, third] = harness.answers(draft, { ...draft, unauthenticated }, draft);
    expect(second).to.deep.include({ status: 'rejected', reason: unauthenticated, messageId: null, sequence: null });
    expect(third).to.deep.equal({ ...first, replayed: true });
  });
});
