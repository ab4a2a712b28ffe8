import { assertMigrated, openDatabase } from '../../../adapters/stores/prisma/prisma-database.js';
import { SearchDictionary } from '../../../adapters/stores/prisma/search/search-dictionary.js';
import { changeSearchDictionary } from '../../../application/operations/search-dictionary.js';
import { rethrowAsStartupError, StartupError } from '../../../infrastructure/process/startup-error.js';
import { requireSettings } from '../../settings.js';

/** Building the index of a large store takes hours, without any data on the connection. */
const INDEXING_SILENCE_MS = 24 * 60 * 60 * 1_000;

/**
 * `parley search-dictionary`: changes the text search configuration of the message search when its index is built.
 * REST keeps running meanwhile.
 */
export async function runSearchDictionary(name: string): Promise<void> {
  const { databaseUrl = '' } = requireSettings('database');
  const database = openDatabase({
    url: databaseUrl,
    poolSize: 2,
    statementTimeoutMs: 0,
    silenceTimeoutMs: INDEXING_SILENCE_MS,
  });
  try {
    await assertMigrated(database);
    const onBuilding = () =>
      console.error(`parley: building the index for ${name}; the current index stays in use meanwhile`);
    const result = await changeSearchDictionary(new SearchDictionary(database), name, onBuilding);
    if (result.outcome === 'unknown')
      throw new StartupError([
        `the database has no text search configuration ${name}; it has ${result.known.join(', ')}`,
      ]);
    console.log(`search uses ${name} now`);
  } catch (error) {
    rethrowAsStartupError(error);
  } finally {
    await database.$disconnect();
  }
}
