import { expect } from 'chai';
import fc from 'fast-check';
import { SEARCH_TEXT_MAX_CHARACTERS, searchMessagesQuery } from '../../../../src/contract/rest/requests.js';
import { indexedWords } from '../../../../src/domain/search/indexed-words.js';
import { matchesTerms, searchTerms } from '../../../../src/domain/search/search-terms.js';
import { aChatWithMessages, aMember, Owner } from '../../../conformance/store/fixtures.js';
import { openPrismaStore, type PrismaHarness } from '../prisma-harness.js';

const RUNS = 300;

/** What a `tsquery` gives a meaning to, what we do, and words of several scripts. */
const piece = fc.constantFrom(
  ...['-', '--', '"', '""', '“', '”', '(', ')', '!', '&', '|', '<->', ':', ':*', "'", "''", '\\', '\\\\', ' ', '\t'],
  ...['or', ' or ', 'a', 'tea', 'some', 'a_', 'é', 'e\u0301', '字', '東京', 'ไทย', '👍', '\u00a0', '\u200b', '\u200d'],
  ...[
    '—',
    '%',
    '_',
    '*',
    '.',
    ',',
    '@',
    '#',
    '/',
    '#tea',
    '@alice',
    '$1',
    '0',
    '-1',
    '1e9',
    'a-b',
    'http://a/b',
    '~',
    'ﷺ',
    '½',
  ],
);
const mixed = fc.array(piece, { minLength: 1, maxLength: 128 }).map((pieces) => pieces.join(''));
const repeated = fc
  .tuple(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.nat(255))
  .map(([pieces, times]) => pieces.join('').repeat(times + 1));
const hostileText = fc
  .oneof(mixed, repeated, fc.string({ unit: 'binary', minLength: 1, maxLength: SEARCH_TEXT_MAX_CHARACTERS }))
  .map((text) => text.slice(0, SEARCH_TEXT_MAX_CHARACTERS))
  .filter((text) => searchMessagesQuery.safeParse({ q: text }).success);

const BODIES = [
  'some tea, a-b and -1',
  '東京タワー #tea @alice',
  "it's ½ of 'a\\b' ~x a*",
  'e\u0301 é ไทย ﷺ http://a/b',
];

describe('A search for hostile texts', () => {
  const caller = { tenantId: 'default', userId: 'alice' };
  let store: PrismaHarness;
  before(async () => {
    store = await openPrismaStore();
    const owner = await Owner.of(store);
    await owner.write((position) => {
      const made = aChatWithMessages(position, BODIES.length, {});
      const messages = made.messages.map((message, index) => ({ ...message, body: BODIES[index] ?? '' }));
      return { ...made, messages, chatsCreated: [made.chat], membersPut: [aMember(made.chat, 'alice', {})] };
    });
    await store.settleSearch();
  });
  after(() => store.close());

  const found = async (text: string) =>
    (await store.search.search(caller, 'all', { text }, null, 10)).found.map(({ message }) => message.body);

  it('finds in PostgreSQL what the same terms match in the texts', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(hostileText, async (text) => {
        const terms = searchTerms(text);
        const expected = BODIES.filter((body) => terms.length > 0 && matchesTerms(indexedWords(body), terms));
        expect((await found(text)).sort()).to.deep.equal(expected.sort());
      }),
      { numRuns: RUNS },
    );
  });

  for (const [text, reason] of [
    ['-'.repeat(33), 'hyphens alone'],
    ['- '.repeat(33), 'hyphens and blanks alone'],
    ['"" () !&|', 'operators alone'],
  ] as const)
    it(`is refused for ${reason}`, () => {
      expect(searchMessagesQuery.safeParse({ q: text }).success).to.equal(false);
    });

  it('finds words next to a line of hyphens, and an option with hyphens', async () => {
    expect(await found(`tea ${'-'.repeat(40)}`)).to.have.length(2);
    expect(await found('--tea')).to.have.length(2);
    expect(await found('some -tea')).to.have.length(1);
  });
});
