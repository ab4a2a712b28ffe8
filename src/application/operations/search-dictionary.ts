import type { SearchDictionaries } from '../ports/queries/search-dictionaries.js';

export type DictionaryOutcome = { outcome: 'unknown'; known: string[] } | { outcome: 'changed' };

/** Changes the text search configuration of the message search. `onBuilding` is called before the index is built. */
export async function changeSearchDictionary(
  dictionaries: SearchDictionaries,
  name: string,
  onBuilding: () => void,
): Promise<DictionaryOutcome> {
  const known = await dictionaries.known();
  if (!known.includes(name)) return { outcome: 'unknown', known };
  onBuilding();
  await dictionaries.change(name);
  return { outcome: 'changed' };
}
