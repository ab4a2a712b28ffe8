import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { searchText } from '../../../../src/adapters/stores/prisma/search/search-text.js';
import { SEARCH_TEXT_MAX_CHARACTERS, searchMessagesQuery } from '../../../../src/contract/rest/requests.js';
import { aChatWithMessages, aMember, Owner } from '../../../conformance/store/fixtures.js';
import { openPrismaStore, type PrismaHarness } from '../prisma-harness.js';

const RUNS = 100;
const AT_A_TIME = 200;

/** Everything that `websearch_to_tsquery` gives a meaning to, and some that it passes over. */
const piece = fc.constantFrom(
  ...['-', '--', '- ', '"', '""', '(', ')', '!', '&', '|', '<->', ':', ':*', "'", "''", '\\', '\\\\', ' ', '\t', '\n'],
  ...[
    'or',
    ' or ',
    'OR',
    'and',
    'a',
    'tea',
    'a_',
    'é',
    '字',
    '👍',
    '\u00a0',
    '\u2003',
    '\u200b',
    '—',
    '%',
    '_',
    '*',
    '.',
    ',',
    '@',
  ],
  ...['/', '#', '$1', '0', '-1', '1e9', 'a-b', 'a@b.c', 'http://a/b', '<b>', '&amp;'],
);
const mixed = fc.array(piece, { minLength: 1, maxLength: 128 }).map((pieces) => pieces.join(''));
const repeated = fc
  .tuple(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.nat(255))
  .map(([pieces, times]) => pieces.join('').repeat(times + 1));
const hostileText = fc
  .oneof(mixed, repeated, fc.string({ unit: 'binary', minLength: 1, maxLength: SEARCH_TEXT_MAX_CHARACTERS }))
  .map((text) => text.slice(0, SEARCH_TEXT_MAX_CHARACTERS))
  .filter((text) => searchMessagesQuery.safeParse({ q: text }).success);

describe('A search for hostile texts', () => {
  let store: PrismaHarness;
  before(async () => {
    store = await openPrismaStore();
    const owner = await Owner.of(store);
    await owner.write((position) => {
      const made = aChatWithMessages(position, 3, {});
      const messages = made.messages.map((message) => ({ ...message, body: 'some tea, a-b and -1' }));
      return { ...made, messages, chatsCreated: [made.chat], membersPut: [aMember(made.chat, 'alice', {})] };
    });
  });
  after(() => store.close());

  it('is valid for PostgreSQL, in every dictionary', async () => {
    const sql = new pg.Client({ connectionString: store.url });
    await sql.connect();
    try {
      const texts = fc.sample(hostileText, { numRuns: RUNS * AT_A_TIME });
      for (let at = 0; at < texts.length; at += AT_A_TIME)
        await sql.query(
          `SELECT websearch_to_tsquery(d::regconfig, t) FROM unnest($1::text[]) t, unnest('{simple,english}'::text[]) d`,
          [texts.slice(at, at + AT_A_TIME).map(searchText)],
        );
    } finally {
      await sql.end();
    }
  });

  it('is answered', async function () {
    this.timeout(60_000);
    const caller = { tenantId: 'default', userId: 'alice' };
    await fc.assert(
      fc.asyncProperty(hostileText, async (text) => {
        expect(await store.search.search(caller, 'all', { text }, null, 3)).to.be.an('array');
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
    const caller = { tenantId: 'default', userId: 'alice' };
    const found = async (text: string) => (await store.search.search(caller, 'all', { text }, null, 10)).length;
    expect(await found(`tea ${'-'.repeat(40)}`)).to.equal(3);
    expect(await found('--tea')).to.equal(3);
    expect(await found('some -tea')).to.equal(0);
  });
});
