import type { SearchDictionaries } from '../../../../application/ports/queries/search-dictionaries.js';
import type { StemOf } from '../../../../domain/search/highlights.js';
import { column } from '../columns.js';
import type { PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';

/** The store has no dictionary: words are found as they are written. */
export const NO_DICTIONARY = 'none';

export const NO_STEMS: StemOf = () => null;

/**
 * The stems of words, from one of PostgreSQL's Snowball dictionaries. A dictionary maps one word to its stem;
 * PostgreSQL's parser is not involved.
 *
 * Raw: the catalogue, and functions of text search.
 */
export class SearchDictionary implements SearchDictionaries {
  constructor(private readonly database: PrismaClient) {}

  async known(): Promise<string[]> {
    const rows = await this.database.$queryRaw<{ name: string }[]>`
      SELECT d.dictname::text AS name FROM pg_ts_dict d JOIN pg_ts_template t ON t.oid = d.dicttemplate
      WHERE t.tmplname = 'snowball' AND pg_ts_dict_is_visible(d.oid) ORDER BY 1`.catch(rethrow);
    return [NO_DICTIONARY, ...rows.map(({ name }) => name)];
  }

  async current(): Promise<string> {
    const store = await this.database.store.findFirst({ select: { searchDictionary: true } }).catch(rethrow);
    return store?.searchDictionary ?? NO_DICTIONARY;
  }

  /** The cursors go back to the beginning under a higher epoch, so no indexer goes on with the former dictionary. */
  async change(name: string, consumer: string): Promise<void> {
    await this.database.$executeRaw`
      WITH changed AS (UPDATE store SET search_dictionary = ${name} RETURNING 1),
      locked AS (
        SELECT name, partition FROM event_cursors WHERE name = ${consumer} ORDER BY partition FOR NO KEY UPDATE)
      UPDATE event_cursors c SET position = 0, epoch = c.epoch + 1, owner = NULL, lease_until = NULL
      FROM locked l, changed WHERE c.name = l.name AND c.partition = l.partition`.catch(rethrow);
  }

  /** Of these words, in this dictionary. The function returns null for a word that it does not know. */
  async stems(dictionary: string, words: Iterable<string>): Promise<StemOf> {
    if (dictionary === NO_DICTIONARY) return NO_STEMS;
    const distinct = [...new Set(words)];
    const rows = await this.database.$queryRaw<{ word: string; stem: string }[]>`
      SELECT word, stem FROM (
        SELECT word, (ts_lexize(${dictionary}::regdictionary, word))[1] AS stem
        FROM unnest(${column(distinct, (word) => word)}::text[]) AS w(word)) found
      WHERE stem IS NOT NULL`.catch(rethrow);
    const stems = new Map(rows.map(({ word, stem }) => [word, stem]));
    return (word) => stems.get(word) ?? null;
  }
}
