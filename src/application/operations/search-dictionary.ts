import type { SearchDictionaries } from '../ports/queries/search-dictionaries.js';
import { SEARCH_CONSUMER } from '../search/search-indexer.js';

export type DictionaryOutcome = { outcome: 'unknown'; known: string[] } | { outcome: 'changed'; name: string };

/** Changes the dictionary of the message search: the name of a dictionary, or of its language. */
export async function changeSearchDictionary(
  dictionaries: SearchDictionaries,
  name: string,
): Promise<DictionaryOutcome> {
  const known = await dictionaries.known();
  const found = [name, `${name}_stem`].find((one) => known.includes(one));
  if (found === undefined) return { outcome: 'unknown', known };
  await dictionaries.change(found, SEARCH_CONSUMER);
  return { outcome: 'changed', name: found };
}
