import { expect } from 'chai';
import type { RefusalCode } from '../../../../src/contract/messages/problems.js';
import { DeciderHarness, type Draft } from '../commands/decider-harness.js';
import {
  add,
  archive,
  create,
  createDirect,
  edit,
  GROUP,
  messageId,
  NOWHERE,
  react,
  remove,
  send,
  updateMember,
} from '../commands/drafts.js';

const M1 = messageId(1);
const UNTIL = '2030-01-01T00:00:00.000Z';

/** A group of alice (owner), mary and mike (members), and a direct chat of alice and mary. No permit is sampled. */
function stageWith(...drafts: Draft[]): DeciderHarness {
  const harness = new DeciderHarness();
  harness.idsToDraw.push(M1);
  harness.given(
    create('alice', GROUP, ['mary', 'mike']),
    createDirect('alice', 'mary'),
    send('mary', GROUP),
    ...drafts,
  );
  return harness;
}

const mute = updateMember('alice', GROUP, 'mary', { mutedUntil: UNTIL });
const direct = createDirect('alice', 'mary').body.chatId as string;
const refusals: [what: string, given: Draft[], refused: Draft, code: RefusalCode][] = [
  ['a message into an archived chat', [archive('alice', GROUP)], send('mary', GROUP), 'archived'],
  ['an edit in an archived chat', [archive('alice', GROUP)], edit('mary', GROUP, M1, {}), 'archived'],
  ['a reaction of one who is muted', [mute], react('mary', GROUP, M1), 'muted'],
  ['a member added to an archived chat', [archive('alice', GROUP)], add('alice', GROUP, ['john']), 'archived'],
  ['a chat whose id is taken', [], create('mary', GROUP, []), 'conflict'],
  ['the last owner leaving', [], remove('alice', GROUP, 'alice'), 'conflict'],
  ['an answer to a message that is not there', [], send('mary', GROUP, 'x', { inReplyTo: NOWHERE }), 'not_found'],
  ['muting one who is not in the chat', [], updateMember('alice', GROUP, 'john', { mutedUntil: UNTIL }), 'not_found'],
];

describe('The permit of a command that was refused for another reason', () => {
  for (const [what, given, refused, code] of refusals)
    it(`is recorded for ${what}, with the code ${code}`, () => {
      const harness = stageWith(...given);
      expect(harness.decisions).to.deep.equal([]);
      const { reason, decisionId } = harness.answer(refused);
      expect(reason?.code).to.equal(code);
      expect(harness.decisions).to.have.length(1);
      expect(harness.decisions[0]).to.include({
        ...{ decisionId, effect: 'permit', refusedAs: code },
        ...{ commandId: refused.commandId, action: refused.type, chatId: refused.body.chatId },
      });
    });

  it('is recorded once for a repeated command, except for a conflict, which is decided again', () => {
    const harness = stageWith(archive('alice', GROUP));
    const message = send('mary', GROUP);
    const taken = create('mary', GROUP, []);
    const [first, again, conflict, once] = harness.answers(message, message, taken, taken);
    expect(again?.decisionId).to.equal(first?.decisionId);
    expect(once?.decisionId).not.to.equal(conflict?.decisionId);
    const ids = [first, conflict, once].map((receipt) => receipt?.decisionId);
    expect(harness.decisions.map(({ decisionId }) => decisionId)).to.deep.equal(ids);
  });

  it('is not recorded for accepted commands, commands refused before a decision, and denied commands', () => {
    const harness = stageWith();
    harness.answers(send('mary', GROUP), add('alice', direct, ['mike']), send('mallory', GROUP));
    expect(harness.decisions).to.deep.equal([]);
    const { decisionId } = harness.answer(updateMember('mary', GROUP, 'mike', { mutedUntil: UNTIL }));
    expect(harness.decisions).to.have.length(1);
    expect(harness.decisions[0]).to.include({ decisionId, effect: 'deny', refusedAs: null });
  });
});
