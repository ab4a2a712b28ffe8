/**
 * What a text costs in the index grows with its length, whatever it is made of, on every server and locale that is at
 * hand.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import pg from 'pg';
import { debianVersions, findInstalledPostgres } from '../../../../src/infrastructure/embedded/postgres-binaries.js';
import { type PostgresServer, startPostgres } from '../../../../src/infrastructure/embedded/postgres-server.js';
import { migrate } from '../../../../src/infrastructure/postgres/migrations.js';
import { freshDatabase, migrationsFolder, scratchFolder } from '../../../support/services/services.js';

const SHORT_CHARACTERS = 1024;
const LONG_CHARACTERS = 16 * SHORT_CHARACTERS;
/** The limit: sixteen times as long, and some room for sorting and for the clock. */
const RATIO_MAX = 20;
/**
 * Besides, once: a larger working memory is had from the system anew each time. Ordinary prose of that length costs
 * some 1.5 ms in all; what is read over and over again cost 300 to 7,000 ms.
 */
const MEMORY_MS = 5;
/** Number of measurements, so that disturbances by other processes do not last for all. */
const MEASUREMENTS_MAX = 12;
/**
 * Characters in one statement: as many of short texts as of long ones, so that whatever else the machine does falls on
 * both alike.
 */
const CHARACTERS_MEASURED = 2 * LONG_CHARACTERS;
const RANDOM_TEXTS = 60;
const STATEMENT_TIMEOUT_MS = 60_000;

/**
 * Texts of which some reading of PostgreSQL's parser takes long: found by a search over random texts, each repeated.
 */
const ADVERSARIES = [
  ...['a_', '_a', 'a-', 'a.', 'a/', 'a@', 'a:', '1_', '1.1a_', 'a_a_eEa_1.1a_1-1', 'Ea_a_1.1a_EEa_'],
  ...['@0x', '@0e@0x@1e@0e@x1', 'x@0x@0e@1e@0', 'a@1', '1ea@', 'a@0xaea@0xa', '-a@1.1e', '+1', '1e1', '1.1.1a_'],
  ...['<!--', '<!-- a -- b', '<a \'"', "<a '", '</a ', '<?xml ', '<!d', '<a_', '&a', '&#1', '&#x1', '&amp;'],
  ...['http://', 'http://a.b/c', 'ftp://a_', 'www.', 'a.com/', '//', '..', '~/', '?a=b', 'a@b.c', 'x.y/z'],
  ...['日本語', 'привет ', 'مرحبا', 'क्षि', 'e\u0301', 'ä_', 'a日_', '\u00a0a_', '\u3000a_', '\u200da_', '\u{1f600}'],
  ...['the quick brown fox ', 'a\n', 'a\t', '1 ', '_ ', 'a_\n', `${'a_'.repeat(200)} `, `${'x'.repeat(300)} `],
];
const TOKENS = [
  ...[
    'a',
    'e',
    'x',
    'E',
    '0',
    '1',
    '_',
    '-',
    '/',
    '.',
    '@',
    ':',
    ';',
    '&',
    '<',
    '>',
    '!',
    '#',
    '?',
    '=',
    '%',
    '~',
    '+',
  ],
  ...["'", '"', '\\', ' ', '\n', '0x', '1e', '-1', '1.1', 'a_', 'a@', '@0x', '@0e', 'a.b', '//', 'http://', 'www.'],
  ...[
    '.com',
    '<a ',
    '</',
    '<!--',
    '-->',
    '<?xml ',
    '&amp;',
    '&#x',
    'é',
    'ä',
    '日',
    'к',
    'ا',
    '\u0301',
    '\u00a0',
    '\u{1f600}',
  ],
];

function filled(unit: string, characters: number): string {
  const points = [...unit];
  return [...unit.repeat(Math.ceil(characters / points.length))].slice(0, characters).join('');
}

/** Milliseconds of the server process's own time, as far as the system tells, else by the clock. */
class Meter {
  private constructor(
    private readonly sql: pg.Client,
    private readonly processorTime: string | null,
    private readonly dictionary: string,
  ) {}

  static async on(sql: pg.Client, dictionary: string): Promise<Meter> {
    const { rows } = await sql.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const path = `/proc/${rows[0]?.pid}/schedstat`;
    return new Meter(sql, existsSync(path) ? path : null, dictionary);
  }

  /** Of one text of so many characters. */
  async cost(unit: string, characters: number): Promise<number> {
    const texts = Array(CHARACTERS_MEASURED / characters).fill(filled(unit, characters));
    const before = this.now();
    // Rows, since a constant would be worked out once, while the statement is planned.
    await this.sql.query({
      name: `cost ${this.dictionary}`,
      text: `SELECT max(length(to_tsvector('${this.dictionary}'::regconfig, indexed_text(body)))) FROM unnest($1::text[]) AS t(body)`,
      values: [texts],
    });
    return (this.now() - before) / texts.length;
  }

  private now(): number {
    if (this.processorTime === null) return performance.now();
    return Number(readFileSync(this.processorTime, 'utf8').split(' ')[0]) / 1e6;
  }
}

/**
 * How many times as much 16 KB cost as 1 KB, their memory left out; measured until it is within the limit, or for good.
 */
async function ratioOf(unit: string, meter: Meter): Promise<number> {
  let [short, long] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let tries = 0; tries < MEASUREMENTS_MAX; tries += 1) {
    long = Math.min(long, await meter.cost(unit, LONG_CHARACTERS));
    short = Math.min(short, await meter.cost(unit, SHORT_CHARACTERS));
    if ((long - MEMORY_MS) / short <= RATIO_MAX) break;
  }
  return (long - MEMORY_MS) / short;
}

const debian = debianVersions().at(-1);
const SERVERS: { name: string; dictionaries: string[]; open: (() => Promise<string>) | null }[] = [
  { name: 'the embedded PostgreSQL', dictionaries: ['simple', 'english'], open: freshDatabase },
  ...['C.UTF-8', 'C'].map((locale) => ({
    name: `Debian's PostgreSQL, locale ${locale}`,
    dictionaries: ['simple'],
    open: debian === undefined ? null : () => migrated(debian, locale),
  })),
];

const servers: PostgresServer[] = [];

async function migrated(version: string, locale: string): Promise<string> {
  const installed = { ...findInstalledPostgres(version), localeOptions: [`--locale=${locale}`] };
  const folder = join(scratchFolder('debian-postgres'), 'server');
  const server = await startPostgres({ folder, installed, database: 'texts', settings: { fsync: 'off' } });
  servers.push(server);
  await migrate({ url: server.url, folder: migrationsFolder });
  return server.url;
}

after(async () => {
  for (const server of servers) await server.stop('immediate');
});

for (const { name, dictionaries, open } of SERVERS)
  describe(`The cost of an indexed text on ${name}`, function () {
    this.timeout(300_000);
    let sql: pg.Client;
    before(async function () {
      if (open === null) return this.skip();
      sql = new pg.Client({ connectionString: await open(), statement_timeout: STATEMENT_TIMEOUT_MS });
      await sql.connect();
      // That a word is too long to be indexed is told for each.
      await sql.query('SET client_min_messages = error');
    });
    after(() => sql?.end());

    for (const dictionary of dictionaries) {
      it(`is linear in the length for every text known to be expensive (${dictionary})`, async () => {
        const meter = await Meter.on(sql, dictionary);
        for (const unit of ADVERSARIES)
          expect(await ratioOf(unit, meter), JSON.stringify(unit.slice(0, 40))).to.be.at.most(RATIO_MAX);
      });

      it(`is linear in the length for random texts (${dictionary})`, async () => {
        const meter = await Meter.on(sql, dictionary);
        const units = fc.array(fc.constantFrom(...TOKENS), { minLength: 1, maxLength: 12 }).map((all) => all.join(''));
        await fc.assert(
          fc.asyncProperty(units, async (unit) => (await ratioOf(unit, meter)) <= RATIO_MAX),
          { numRuns: RANDOM_TEXTS },
        );
      });
    }

    it('is bounded by splitting longer texts after 64 characters without a space; texts up to 256 bytes are unchanged', async () => {
      const indexed = async (body: string) =>
        (await sql.query<{ text: string }>('SELECT indexed_text($1) AS text', [body])).rows[0]?.text;
      const link = `https://example.com/${'x'.repeat(236)}`;
      expect(await indexed(link)).to.equal(link);
      expect(await indexed('ä'.repeat(128))).to.equal('ä'.repeat(128));
      const [first, second, third, rest] = [
        link.slice(0, 64),
        link.slice(64, 128),
        link.slice(128, 192),
        link.slice(192),
      ];
      expect(await indexed(`see ${link}`)).to.equal(`see ${first} ${second} ${third} ${rest} `);
      const words = 'some words, and more\n'.repeat(20);
      expect(await indexed(words)).to.equal(words);
      expect(await indexed('日'.repeat(130))).to.equal(`${'日'.repeat(64)} ${'日'.repeat(64)} 日日`);
    });
  });
