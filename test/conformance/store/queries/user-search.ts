import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { UserMatch, UserPosition, UserSearch } from '../../../../src/application/ports/queries/chat-queries.js';
import { nameKey, type User, type UserKind } from '../../../../src/domain/user.js';
import { aUser, later, Owner, revised, trickyMetadata } from '../fixtures.js';
import type { OpenStore, StoreHarness } from '../store-conformance.js';

const ALL: readonly UserKind[] = ['human', 'bot', 'service'];
const PEOPLE: [userId: string, displayName: string, kind?: UserKind][] = [
  ['alice', 'Alice A.'],
  ['al', 'Zoë'],
  ['Alan.Smith', 'Bob'],
  ['bob', 'alan smith'],
  ['carl', 'carl'],
  ['Carl2', 'CARL2'],
  ['zed', 'Ålesund'],
  ['zee', 'ΟΔΟΣ'],
  ['100', '100% \\ _'],
  ['101', '1000'],
  ['x_y', 'x%y'],
  ['xzy', 'xzy'],
  ['emo', '\u{1F600} smile'],
  ['priv', '\uE000 smile'],
  ['last', `q\u{10FFFF}`],
  ['robo', 'Albot', 'bot'],
  ['serv', 'Alservice', 'service'],
];

export function userSearchConformance(open: OpenStore): void {
  describe('as a search for users', () => {
    const tenantId = `t-${randomUUID()}`;
    let store: StoreHarness;
    let owner: Owner;
    let users: Map<string, User>;

    before(async () => {
      store = await open();
      owner = await Owner.of(store);
      users = new Map(
        PEOPLE.map(([userId, displayName, kind = 'human']) => [
          userId,
          aUser(userId, { tenantId, displayName, kind, metadata: trickyMetadata(), claims: { secret: 1 } }),
        ]),
      );
      const elsewhere = aUser('alien', { tenantId: `other-${randomUUID()}`, displayName: 'Alien' });
      await owner.write(() => ({ users: [...users.values(), elsewhere].map(revised) }));
    });
    after(() => store.close());

    const search = (text: string, over: Partial<UserSearch> = {}): UserSearch => ({
      ...{ tenantId, kinds: ALL, prefix: nameKey(text) },
      ...over,
    });
    const matches = (text: string, over: Partial<UserSearch> = {}, after: UserPosition | null = null, limit = 99) =>
      store.queries.searchUsers(search(text, over), after, limit);
    const found = (all: readonly UserMatch[]) => all.flatMap(({ profile }) => profile?.userId ?? []);

    const cases: [what: string, text: string, ids: string[]][] = [
      ['a name, or an id, in the order of what matches', 'al', ['al', 'bob', 'Alan.Smith', 'robo', 'alice', 'serv']],
      ['in upper or lower case', 'ALAN', ['bob', 'Alan.Smith']],
      ['once if the name is the id', 'car', ['carl', 'Carl2']],
      ['the whole name', 'alan smith', ['bob']],
      ['the beginning only', 'smith', []],
      ['letters beyond ASCII in any case', 'ÅLE', ['zed']],
      ['a sigma at the end of a word', 'οδοσ', ['zee']],
      ['the same, as part of a longer word', 'οδος', ['zee']],
      ['a percent sign as itself', '100%', ['100']],
      ['an underscore as itself', 'x_', ['x_y']],
      ['a percent sign in a name', 'x%', ['x_y']],
      ['a backslash as itself', '100% \\', ['100']],
      ['an apostrophe as itself', "' OR true --", []],
      ['code points, not code units', '\uE000', ['priv']],
      ['letters beyond the first plane', '\u{1F600}', ['emo']],
      ['the last code point', 'q\u{10FFFF}', ['last']],
      ['names with the last code point', 'q', ['last']],
      ['nothing for a long text', 'a'.repeat(128), []],
    ];
    for (const [what, text, ids] of cases)
      it(`finds ${what}`, async () => {
        expect(found(await matches(text))).to.deep.equal(ids);
      });

    it('returns profiles as written, without claims', async () => {
      const [match] = await matches('zoë');
      const { claims: _, ...profile } = users.get('al') as User;
      expect(JSON.stringify(match?.profile)).to.equal(JSON.stringify(profile));
      expect(match).to.include({ key: 'zoë', userId: 'al' });
    });

    it('finds only the requested kinds, and only in the tenant', async () => {
      expect(found(await matches('al', { kinds: ['bot'] }))).to.deep.equal(['robo']);
      expect(found(await matches('al', { kinds: ['service', 'bot'] }))).to.deep.equal(['robo', 'serv']);
      expect(await matches('al', { tenantId: 'nowhere' })).to.deep.equal([]);
    });

    it('names a user twice whose name and id both match, and shows them once, at the first', async () => {
      const both = aUser(`dd-${randomUUID()}`, { tenantId, displayName: 'ddd' });
      await owner.write(() => ({ users: [revised(both)] }));
      const all = await matches('dd');
      expect(all.map(({ key, userId }) => [key, userId])).to.deep.equal([
        [both.userId, both.userId],
        ['ddd', both.userId],
      ]);
      expect(all.map(({ profile }) => profile?.userId ?? null)).to.deep.equal([both.userId, null]);
    });

    it('continues after any match, in pages of any size', async () => {
      for (const text of ['al', 'a', 'x', '1'])
        for (const size of [1, 2, 3]) {
          const paged: UserMatch[] = [];
          for (let after: UserPosition | null = null; ; ) {
            const page = await matches(text, {}, after, size);
            paged.push(...page);
            const last = page.at(-1);
            if (last === undefined) break;
            after = { key: last.key, userId: last.userId };
          }
          expect(paged, `${text}, ${size} at a time`).to.deep.equal(await matches(text));
        }
    });

    it('finds a user by a new name, and no longer by the old one', async () => {
      const user = aUser(`renamed-${randomUUID()}`, { tenantId, displayName: 'Before' });
      await owner.write(() => ({ users: [revised(user)] }));
      const renamed = { ...user, displayName: 'Nachher', revision: 2, updatedAt: later(1) };
      await owner.write(() => ({ users: [revised(renamed)] }));
      expect(found(await matches('before'))).to.deep.equal([]);
      expect(found(await matches('NACH'))).to.deep.equal([user.userId]);
    });
  });
}
