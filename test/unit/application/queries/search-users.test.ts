import { expect } from 'chai';
import fc from 'fast-check';
import { CaslDecisionPoint } from '../../../../src/adapters/policy/casl-decision-point.js';
import { readPolicy } from '../../../../src/adapters/policy/read-policy.js';
import { MemoryTables } from '../../../../src/adapters/stores/memory/memory-tables.js';
import { MemoryChatQueries } from '../../../../src/adapters/stores/memory/queries/memory-chat-queries.js';
import { PolicyEnforcementPoint } from '../../../../src/application/policy/enforcement.js';
import { UserViewing } from '../../../../src/application/policy/view-user.js';
import type { UserPosition } from '../../../../src/application/ports/queries/chat-queries.js';
import { userKey } from '../../../../src/application/ports/store/command-store.js';
import { SearchForUsers } from '../../../../src/application/queries/search-users.js';
import { nameKey, type User, type UserKind } from '../../../../src/domain/user.js';
import { aUser } from '../../../conformance/store/fixtures.js';

const CALLER = { tenantId: 'default', userId: 'alice' };

function viewing(queries: MemoryChatQueries, rule: string): UserViewing {
  const read = readPolicy(`
parley-policy: 1
version: users
rules:
  - { id: seen, effect: permit, actions: [user.view], ${rule}, reason: r }
`);
  if (!read.ok) throw new Error(JSON.stringify(read.faults));
  return new UserViewing(queries, new PolicyEnforcementPoint(new CaslDecisionPoint(read.document)));
}

async function all(search: SearchForUsers, text: string, limit: number): Promise<string[]> {
  const ids: string[] = [];
  for (let next: UserPosition | null = null; ; ) {
    const page = await search.page(CALLER, text, next, limit);
    expect(page.users.length).to.be.at.most(limit);
    ids.push(...page.users.map(({ userId }) => userId));
    if (page.next === null) return ids;
    next = page.next;
  }
}

describe('A search for users', () => {
  it('finds each user who may be seen and matches, exactly once, in pages of any size', async () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'A'), minLength: 1, maxLength: 3 });
    const kind = fc.constantFrom<UserKind>('human', 'bot', 'service');
    const people = fc.uniqueArray(fc.record({ userId: letters, displayName: letters, kind }), {
      selector: ({ userId }) => userId,
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(people, letters, fc.integer({ min: 1, max: 5 }), async (given, text, limit) => {
        const tables = new MemoryTables();
        const users = given.map(({ userId, ...over }): User => aUser(userId, over));
        for (const user of users) tables.users.set(userKey(user), user);
        const queries = new MemoryChatQueries(tables);
        const search = new SearchForUsers(queries, viewing(queries, 'when: { user.kind: [human, bot] }'));
        const matching = users.filter(
          ({ userId, displayName, kind: its }) =>
            its !== 'service' &&
            [nameKey(displayName), userId.toLowerCase()].some((key) => key.startsWith(nameKey(text))),
        );
        const ids = await all(search, text, limit);
        expect(ids).to.have.members(matching.map(({ userId }) => userId));
        expect(new Set(ids).size).to.equal(ids.length);
      }),
      { numRuns: 200 },
    );
  });

  it('has no further page after the last user, although repeats follow', async () => {
    const tables = new MemoryTables();
    for (const [userId, displayName] of [
      ['aa', 'ab'],
      ['ac', 'ad'],
    ] as const)
      tables.users.set(`default ${userId}`, aUser(userId, { displayName }));
    const queries = new MemoryChatQueries(tables);
    const search = new SearchForUsers(queries, viewing(queries, 'when: { user.isFound: true }'));
    const { users, next } = await search.page(CALLER, 'a', null, 2);
    expect([users.length, next]).to.deep.equal([2, null]);
  });

  it('asks the store for nothing if no user may be found', async () => {
    const queries = new MemoryChatQueries(new MemoryTables());
    queries.searchUsers = () => Promise.reject(new Error('asked'));
    const search = new SearchForUsers(queries, viewing(queries, 'when: { user.isFound: false }'));
    expect(await search.page(CALLER, 'a', null, 2)).to.deep.equal({ users: [], next: null });
  });
});
