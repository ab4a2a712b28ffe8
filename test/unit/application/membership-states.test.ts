import { expect } from 'chai';
import { DeciderHarness } from './decider-harness.js';
import { add, archive, create, GROUP, remove, send, unarchive, updateMember } from './drafts.js';

const aGroup = () => {
  const harness = new DeciderHarness();
  harness.given(create('alice', GROUP, ['bob']));
  return harness;
};
const ended = (harness: DeciderHarness) =>
  (harness.written?.membershipStatesEnded ?? []).map(({ userId, state, until }) => [userId, state, until]);

describe('How a member once stood in a chat', () => {
  it('is noted when another role is given, and when the membership ends, with the number of that event', () => {
    const harness = aGroup();
    harness.given(updateMember('alice', GROUP, 'bob', { role: 'reader' }));
    expect(ended(harness)).to.deep.equal([['bob', 'open member', 2]]);
    harness.given(remove('bob', GROUP, 'bob'));
    expect(ended(harness)).to.deep.equal([['bob', 'open reader', 3]]);
  });

  it('is not noted where the role stays, nor for anything else that happens', () => {
    const harness = aGroup();
    for (const draft of [
      updateMember('alice', GROUP, 'bob', { mutedUntil: '2027-01-01T00:00:00Z' }),
      ...[send('alice', GROUP), add('alice', GROUP, ['carol']), archive('alice', GROUP), unarchive('alice', GROUP)],
    ]) {
      harness.given(draft);
      expect(ended(harness), draft.type).to.deep.equal([]);
    }
    expect(harness.member(GROUP, 'bob')).to.include({ roleSequence: 0 });
    expect(harness.chat(GROUP)).to.include({ archiveSequence: 6, archivedAt: null });
  });

  it('says also how one stood before the chat was archived or brought back, if that was with the same role', () => {
    const harness = aGroup();
    harness.given(archive('alice', GROUP), unarchive('alice', GROUP));
    harness.given(updateMember('alice', GROUP, 'bob', { role: 'admin' }));
    expect(ended(harness)).to.deep.equal([
      ['bob', 'archived member', 3],
      ['bob', 'open member', 4],
    ]);
    harness.given(updateMember('alice', GROUP, 'bob', { role: 'reader' }));
    expect(ended(harness)).to.deep.equal([['bob', 'open admin', 5]]);
    harness.given(archive('alice', GROUP), remove('bob', GROUP, 'bob'));
    expect(ended(harness)).to.deep.equal([
      ['bob', 'open reader', 6],
      ['bob', 'archived reader', 7],
    ]);
  });

  it('is noted by its last end where a batch ends it more than once, though one is back by then', () => {
    const harness = aGroup();
    harness.given(
      ...[remove('alice', GROUP, 'bob'), add('alice', GROUP, ['bob'])],
      ...[updateMember('alice', GROUP, 'bob', { role: 'reader' }), remove('alice', GROUP, 'bob')],
      add('alice', GROUP, ['bob'], 'reader'),
    );
    expect(ended(harness)).to.deep.equal([
      ['bob', 'open member', 4],
      ['bob', 'open reader', 5],
    ]);
    expect(harness.member(GROUP, 'bob')).to.include({ joinedSequence: 6, roleSequence: 0, role: 'reader' });
  });
});
