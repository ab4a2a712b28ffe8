import type { SearchDictionaries } from '../../../../application/ports/queries/search-dictionaries.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { SEARCH_TERMS, searchDocument } from './search-terms.js';

const INDEX = 'messages_search_idx';
const NEW_INDEX = 'messages_search_new_idx';

/**
 * The PostgreSQL text search configuration for messages: `simple` by default.
 *
 * Raw: the catalogue, data definition, and a quoted literal.
 */
export class SearchDictionary implements SearchDictionaries {
  constructor(private readonly database: PrismaClient) {}

  /**
   * Written literally, because an index on an expression is only used for the exact same text. It is read again each
   * time, because it may change while the process runs.
   */
  async current(): Promise<Prisma.Sql> {
    const [row] = await this.database.$queryRaw<{ name: string }[]>`
      SELECT quote_literal(search_dictionary) AS name FROM store`.catch(rethrow);
    if (row === undefined) throw new Error('the store has no identity: its row is missing');
    return asDictionary(row.name);
  }

  /** The existing configurations, by name. */
  async known(): Promise<string[]> {
    const rows = await this.database.$queryRaw<{ name: string }[]>`
      SELECT cfgname::text AS name FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) ORDER BY cfgname`.catch(
      rethrow,
    );
    return rows.map(({ name }) => name);
  }

  /**
   * Builds a new index beside the current one, which stays in use until the switch. This may take long, and can be
   * restarted after an interruption. `name` is one of `known`.
   */
  async change(name: string): Promise<void> {
    const document = searchDocument(asDictionary(`'${name.replaceAll("'", "''")}'`));
    const statements = [
      `DROP INDEX IF EXISTS ${NEW_INDEX}`,
      `CREATE INDEX CONCURRENTLY ${NEW_INDEX} ON messages
         USING GIN (${document.sql}, (${SEARCH_TERMS.sql})) WHERE body IS NOT NULL`,
      // As in the migrations: statistics of this column are expensive for ANALYZE and not used.
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
