// A process that owns a server or a data folder, to be killed by the tests: `owner-child.js postgres|rabbitmq|lock
// <folder> [<folder of PostgreSQL's programs>]`. It says on one line what it has got, as JSON, or why not.
import { lockDataFolder } from '../../../../src/infrastructure/embedded/data-folder.js';
import { findInstalledPostgres } from '../../../../src/infrastructure/embedded/postgres-binaries.js';
import { startPostgres } from '../../../../src/infrastructure/embedded/postgres-server.js';
import { startRabbitmq } from '../../../../src/infrastructure/embedded/rabbitmq-node.js';

const [what, folder, programs] = process.argv.slice(2) as [string, string, string?];
const KEEP_ALIVE_MS = 60_000;

async function own(): Promise<object> {
  if (what === 'postgres') {
    const installed = programs === undefined ? {} : { installed: findInstalledPostgres(programs) };
    const { pid, url, programsCopy } = await startPostgres({ folder, settings: { fsync: 'off' }, ...installed });
    return { pid, url, programsCopy };
  }
  if (what === 'rabbitmq') {
    const { pid, url, nodeName } = await startRabbitmq({ folder, port: 0 });
    return { pid, url, nodeName };
  }
  await lockDataFolder(folder);
  return { locked: true };
}

try {
  console.log(JSON.stringify(await own()));
  setInterval(() => undefined, KEEP_ALIVE_MS);
} catch (error) {
  console.log(JSON.stringify({ refused: (error as Error).message }));
}
