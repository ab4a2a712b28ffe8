import { expect } from 'chai';
import { DeciderHarness } from '../decider-harness.js';
import { add, archive, create, GROUP, remove, send, unarchive, updateMember } from '../drafts.js';

const aGroup = () => {
  const harness = new DeciderHarness();
  harness.given(create('alice', GROUP, ['bob']));
  return harness;
};
const ended = (harness: DeciderHarness) =>
  (harness.written?.membershipStatesEnded ?? []).map(({ userId, state, until }) => [userId, state, until]);

describe('A former membership state', () => {
  it('is recorded when the role changes or the membership ends, with the sequence of that event', () => {
    const harness = aGroup();
    harness.given(updateMember('alice', GROUP, 'bob', { role: 'reader' }));
    expect(ended(harness)).to.deep.equal([['bob', 'open member', 2]]);
    harness.given(remove('bob', GROUP, 'bob'));
    expect(ended(harness)).to.deep.equal([['bob', 'open reader', 3]]);
  });

  it('is not recorded if the role stays, or for any other event', () => {
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

  it('includes the state before the chat was archived or unarchived, with the same role', () => {
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

  it('is recorded with its last end if a batch ends it several times', () => {
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
