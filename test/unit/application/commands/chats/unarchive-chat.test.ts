import { expect } from 'chai';
import { DeciderHarness } from '../decider-harness.js';
import { archive, create, GROUP, send, unarchive } from '../drafts.js';

describe('Unarchiving a chat', () => {
  it('takes the next sequence, and permits messages', () => {
    const harness = new DeciderHarness();
    harness.given(create('alice', GROUP, ['bob']), archive('alice', GROUP));
    const [receipt] = harness.given(unarchive('alice', GROUP));
    expect(receipt?.sequence).to.equal(3);
    expect(harness.chat(GROUP)).to.include({ archivedAt: null, lastSequence: 3 });
    expect(harness.log.at(-1)).to.deep.include({ sequence: 3, event: { type: 'chat.unarchived' } });
    harness.given(send('bob', GROUP));
  });

  it('changes nothing if it is not archived', () => {
    const harness = new DeciderHarness();
    harness.given(create('alice', GROUP, []));
    const before = structuredClone(harness.chat(GROUP));
    expect(harness.answer(unarchive('alice', GROUP))).to.include({ status: 'accepted', sequence: null });
    expect(harness.chat(GROUP)).to.deep.equal(before);
    expect(harness.log).to.have.length(1);
  });
});
