import { expect } from 'chai';
import { MembershipCache } from '../../../../src/application/processing/membership-cache.js';
import { GROUP, OTHER_GROUP } from '../commands/drafts.js';

const member = (userId: string, chatId = GROUP, tenantId = 'default') => ({ tenantId, chatId, userId });

describe('The membership cache', () => {
  it('knows members only of their chat and tenant, until their expiry', () => {
    const known = new MembershipCache();
    known.note(member('bob'), 1_000);
    expect(known.has(member('bob'), 999)).to.equal(true);
    for (const other of [member('alice'), member('bob', OTHER_GROUP), member('bob', GROUP, 'acme')])
      expect(known.has(other, 999)).to.equal(false);
    expect(known.has(member('bob'), 1_000)).to.equal(false);
  });

  it('is bounded, and removes the oldest entry', () => {
    const known = new MembershipCache(2);
    for (const userId of ['alice', 'bob', 'alice', 'carl']) known.note(member(userId), 1_000);
    expect(['alice', 'bob', 'carl'].filter((userId) => known.has(member(userId), 0))).to.deep.equal(['alice', 'carl']);
  });
});
