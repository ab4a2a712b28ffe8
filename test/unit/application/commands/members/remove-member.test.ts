import { expect } from 'chai';
import { directChatId } from '../../../../../src/contract/messages/direct-chat-id.js';
import { DeciderHarness } from '../decider-harness.js';
import { add, create, createDirect, GROUP, remove, send } from '../drafts.js';

/** A group of alice (owner), adam and anna (admins), mary (member) and ruth (reader). */
function group(): DeciderHarness {
  const harness = new DeciderHarness();
  harness.given(
    create('alice', GROUP, ['mary']),
    add('alice', GROUP, ['adam', 'anna'], 'admin'),
    add('alice', GROUP, ['ruth'], 'reader'),
  );
  return harness;
}

describe('Removing a member', () => {
  it('removes them from the chat, with an event that another user did so', () => {
    const harness = group();
    const [receipt] = harness.given(remove('alice', GROUP, 'mary'));
    expect(receipt?.sequence).to.equal(4);
    expect(harness.member(GROUP, 'mary')).to.equal(undefined);
    expect(harness.chat(GROUP)).to.include({ memberCount: 4, ownerCount: 1, lastSequence: 4 });
    expect(harness.log.at(-1)?.event).to.deep.equal({ type: 'member.removed', userId: 'mary', left: false });
  });

  it('by oneself is leaving, permitted to everyone', () => {
    for (const userId of ['adam', 'mary', 'ruth']) {
      const harness = group();
      expect(harness.given(remove(userId, GROUP, userId))[0]?.sequence).to.equal(4);
      expect(harness.log.at(-1)?.event).to.deep.equal({ type: 'member.removed', userId, left: true });
      expect(harness.member(GROUP, userId)).to.equal(undefined);
    }
  });

  it('takes effect at once: later commands of the removed member are not found', () => {
    const harness = group();
    const [, said, left] = harness.answers(
      remove('alice', GROUP, 'mary'),
      send('mary', GROUP),
      remove('mary', GROUP, 'mary'),
    );
    expect(said?.reason?.code).to.equal('not_found');
    expect(left?.reason?.code).to.equal('not_found');
  });

  it('who is not a member changes nothing', () => {
    const harness = group();
    for (const userId of ['nobody', 'mary']) if (userId === 'mary') harness.given(remove('alice', GROUP, 'mary'));
    const before = structuredClone(harness.chat(GROUP));
    for (const userId of ['nobody', 'mary'])
      for (const actor of ['alice', 'adam'])
        expect(harness.given(remove(actor, GROUP, userId))[0]).to.include({ status: 'accepted', sequence: null });
    expect(harness.chat(GROUP)).to.deep.equal(before);
    expect(harness.log).to.have.length(4);
  });

  it('who is the last owner is a conflict, also by leaving, unless nobody else is a member', () => {
    const harness = group();
    harness.given(add('alice', GROUP, ['otto'], 'owner'), remove('otto', GROUP, 'alice'));
    expect(harness.chat(GROUP)).to.include({ ownerCount: 1, memberCount: 5 });
    const refused = harness.answer(remove('otto', GROUP, 'otto'));
    expect(refused.reason).to.include({ code: 'conflict', detail: 'the chat would lose its last owner' });
    harness.given(...['mary', 'adam', 'anna', 'ruth'].map((userId) => remove('otto', GROUP, userId)));
    expect(harness.chat(GROUP)).to.include({ ownerCount: 1, memberCount: 1 });
    harness.given(remove('otto', GROUP, 'otto'));
    expect(harness.chat(GROUP)).to.include({ ownerCount: 0, memberCount: 0 });
    expect(harness.answer(send('otto', GROUP)).reason?.code).to.equal('not_found');
  });

  it('is possible once there is another owner', () => {
    const harness = group();
    const receipts = harness.answers(
      remove('alice', GROUP, 'alice'),
      add('alice', GROUP, ['otto'], 'owner'),
      remove('alice', GROUP, 'alice'),
      remove('otto', GROUP, 'otto'),
    );
    expect(receipts.map(({ reason, sequence }) => reason?.code ?? sequence)).to.deep.equal([
      'conflict',
      4,
      5,
      'conflict',
    ]);
  });

  it('does not apply to a direct chat', () => {
    const harness = new DeciderHarness();
    harness.given(createDirect('alice', 'bob'));
    const chatId = directChatId('default', 'alice', 'bob');
    for (const userId of ['alice', 'bob'])
      expect(harness.answer(remove('alice', chatId, userId)).reason).to.deep.include({
        code: 'invalid',
        violations: [{ path: 'type', message: 'member.remove does not apply to a direct chat' }],
      });
  });

  it('is refused in an archived chat, except for leaving', () => {
    const harness = group();
    harness.alterChat(GROUP, { archivedAt: harness.now });
    for (const userId of ['mary', 'zoe'])
      expect(harness.answer(remove('alice', GROUP, userId)).reason?.code, userId).to.equal('archived');
    expect(harness.answer(remove('mary', GROUP, 'ruth')).reason?.code).to.equal('not_permitted');
    harness.given(remove('mary', GROUP, 'mary'));
    expect(harness.member(GROUP, 'mary')).to.equal(undefined);
  });

  for (const [actor, target, permitted] of [
    ['alice', 'adam', true],
    ['alice', 'ruth', true],
    ['adam', 'alice', false],
    ['adam', 'anna', false],
    ['adam', 'mary', true],
    ['adam', 'ruth', true],
    ['mary', 'ruth', false],
    ['mary', 'nobody', false],
    ['ruth', 'mary', false],
  ] as const)
    it(`${permitted ? 'is permitted' : 'is not permitted'}: ${actor} removes ${target}`, () => {
      const harness = group();
      const receipt = harness.answer(remove(actor, GROUP, target));
      expect(receipt.reason?.code).to.equal(permitted ? undefined : 'not_permitted');
      expect(harness.chat(GROUP).memberCount).to.equal(permitted ? 4 : 5);
    });
});
