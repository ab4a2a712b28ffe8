import { expect } from 'chai';
import { archive, create, GROUP, send, unarchive } from './drafts.js';
import { Stage } from './stage.js';

describe('Taking up an archived chat again', () => {
  it('opens it under the next number, and people can talk', () => {
    const stage = new Stage();
    stage.given(create('alice', GROUP, ['bob']), archive('alice', GROUP));
    const [receipt] = stage.given(unarchive('alice', GROUP));
    expect(receipt?.sequence).to.equal(3);
    expect(stage.chat(GROUP)).to.include({ archivedAt: null, lastSequence: 3 });
    expect(stage.log.at(-1)).to.deep.include({ sequence: 3, event: { type: 'chat.unarchived' } });
    stage.given(send('bob', GROUP));
  });

  it('changes nothing where it is not archived', () => {
    const stage = new Stage();
    stage.given(create('alice', GROUP, []));
    const before = structuredClone(stage.chat(GROUP));
    expect(stage.answer(unarchive('alice', GROUP))).to.include({ status: 'accepted', sequence: null });
    expect(stage.chat(GROUP)).to.deep.equal(before);
    expect(stage.log).to.have.length(1);
  });
});
