import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { SEARCH_TERMS, searchDocument } from './search-terms.js';

const INDEX = 'messages_search_idx';
const NEW_INDEX = 'messages_search_new_idx';

/** PostgreSQL's text search configuration by which messages are searched: `simple` until another one is chosen. */
export class SearchDictionary {
  constructor(private readonly database: PrismaClient) {}

  /** Written out, since an index on an expression is found by its very words. Read anew each time: it may change under a running process. */
  async current(): Promise<Prisma.Sql> {
    const [row] = await this.database.$queryRaw<{ name: string }[]>`
      SELECT quote_literal(search_dictionary) AS name FROM store`.catch(rethrow);
    if (row === undefined) throw new Error('the store has no identity: its row is missing');
    return asDictionary(row.name);
  }

  /** Those that there are, by name. */
  async known(): Promise<string[]> {
    const rows = await this.database.$queryRaw<{ name: string }[]>`
      SELECT cfgname::text AS name FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) ORDER BY cfgname`.catch(
      rethrow,
    );
    return rows.map(({ name }) => name);
  }

  /**
   * Builds the index anew beside the present one, which goes on serving, and changes over. May take long, and can be begun again if it was
   * interrupted. `name` is one of `known`.
   */
  async change(name: string): Promise<void> {
    const document = searchDocument(asDictionary(`'${name.replaceAll("'", "''")}'`));
    const statements = [
      `DROP INDEX IF EXISTS ${NEW_INDEX}`,
      `CREATE INDEX CONCURRENTLY ${NEW_INDEX} ON messages
         USING GIN (${document.sql}, (${SEARCH_TERMS.sql})) WHERE body IS NOT NULL`,
      // As the migrations have it: what ANALYZE would gather of it costs much and is of no use.
      `ALTER INDEX ${NEW_INDEX} ALTER COLUMN 1 SET STATISTICS 0`,
      `ALTER INDEX ${NEW_INDEX} ALTER COLUMN 2 SET STATISTICS 0`,
    ];
    for (const statement of statements) await this.database.$executeRawUnsafe(statement).catch(rethrow);
    await this.database
      .$transaction([
        this.database.$executeRaw`UPDATE store SET search_dictionary = ${name}`,
        this.database.$executeRawUnsafe(`DROP INDEX IF EXISTS ${INDEX}`),
        this.database.$executeRawUnsafe(`ALTER INDEX ${NEW_INDEX} RENAME TO ${INDEX}`),
      ])
      .catch(rethrow);
  }
}

function asDictionary(literal: string): Prisma.Sql {
  return Prisma.raw(`${literal}::regconfig`);
}
