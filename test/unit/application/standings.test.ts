import { expect } from 'chai';
import { add, archive, create, GROUP, remove, send, unarchive, updateMember } from './drafts.js';
import { Stage } from './stage.js';

const aGroup = () => {
  const stage = new Stage();
  stage.given(create('alice', GROUP, ['bob']));
  return stage;
};
const ended = (stage: Stage) =>
  (stage.written?.standingsEnded ?? []).map(({ userId, standing, until }) => [userId, standing, until]);

describe('How a member once stood in a chat', () => {
  it('is noted when another role is given, and when the membership ends, with the number of that event', () => {
    const stage = aGroup();
    stage.given(updateMember('alice', GROUP, 'bob', { role: 'reader' }));
    expect(ended(stage)).to.deep.equal([['bob', 'open member', 2]]);
    stage.given(remove('bob', GROUP, 'bob'));
    expect(ended(stage)).to.deep.equal([['bob', 'open reader', 3]]);
  });

  it('is not noted where the role stays, nor for anything else that happens', () => {
    const stage = aGroup();
    for (const draft of [
      updateMember('alice', GROUP, 'bob', { mutedUntil: '2027-01-01T00:00:00Z' }),
      ...[send('alice', GROUP), add('alice', GROUP, ['carol']), archive('alice', GROUP), unarchive('alice', GROUP)],
    ]) {
      stage.given(draft);
      expect(ended(stage), draft.type).to.deep.equal([]);
    }
    expect(stage.member(GROUP, 'bob')).to.include({ roleSequence: 0 });
    expect(stage.chat(GROUP)).to.include({ archiveSequence: 6, archivedAt: null });
  });

  it('says also how one stood before the chat was archived or brought back, if that was with the same role', () => {
    const stage = aGroup();
    stage.given(archive('alice', GROUP), unarchive('alice', GROUP));
    stage.given(updateMember('alice', GROUP, 'bob', { role: 'admin' }));
    expect(ended(stage)).to.deep.equal([
      ['bob', 'archived member', 3],
      ['bob', 'open member', 4],
    ]);
    stage.given(updateMember('alice', GROUP, 'bob', { role: 'reader' }));
    expect(ended(stage)).to.deep.equal([['bob', 'open admin', 5]]);
    stage.given(archive('alice', GROUP), remove('bob', GROUP, 'bob'));
    expect(ended(stage)).to.deep.equal([
      ['bob', 'open reader', 6],
      ['bob', 'archived reader', 7],
    ]);
  });

  it('is noted by its last end where a batch ends it more than once, though one is back by then', () => {
    const stage = aGroup();
    stage.given(
      ...[remove('alice', GROUP, 'bob'), add('alice', GROUP, ['bob'])],
      ...[updateMember('alice', GROUP, 'bob', { role: 'reader' }), remove('alice', GROUP, 'bob')],
      add('alice', GROUP, ['bob'], 'reader'),
    );
    expect(ended(stage)).to.deep.equal([
      ['bob', 'open member', 4],
      ['bob', 'open reader', 5],
    ]);
    expect(stage.member(GROUP, 'bob')).to.include({ joinedSequence: 6, roleSequence: 0, role: 'reader' });
  });
});
