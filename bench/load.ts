/** Fills a store with messages and their rows, as Parley would have written them. `--help` lists the options. */
import { parseArgs } from 'node:util';
import { startPostgres } from '../src/infrastructure/embedded/postgres-server.js';
import { loadStore } from './growth/loading/load-store.js';
import { LOADING_SETTINGS } from './growth/loading/loading-settings.js';

const HELP = `Fills a store with messages and their events, chats, members, read marks, search words, and the receipts of the last
three days. The rows are those that Parley would have written; \`parley verify\` finds nothing wrong with them.

  node dist/bench/load.js --messages 10000000 [options]

  --database URL     an empty database (default: a private PostgreSQL in the folder)
  --folder F         folder of the private PostgreSQL (default: .data/load); \`npm start\` does not use it
  --messages N       (default: 1000000)
  --chats N          picked by Zipf 1.0; 2, 10, 100 or 1,000 members (70, 20, 9, 1 %)
                     (default: 100000, at most a tenth of the messages)
  --partitions N     (default: 8)
  --body-bytes N     (default: 200)
  --seed N           the same seed and --until give the same rows (default: 1)
  --until TIME       time of the last message (default: now); the first one is 180 days earlier
  --keep-indexes     lets the indexes of keys grow with the rows, as in use; slower
  --help

Chats have the partitions of the in-process transport. Before using RabbitMQ, run \`parley dev\` once to reassign them.
`;

/** A COPY in progress cannot be interrupted: an interruption ends the process and leaves a partly filled database. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      database: { type: 'string' },
      folder: { type: 'string', default: '.data/load' },
      messages: { type: 'string', default: '1000000' },
      chats: { type: 'string' },
      partitions: { type: 'string', default: '8' },
      'body-bytes': { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      until: { type: 'string' },
      'keep-indexes': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const positive = (name: string, text: string) => {
    if (!/^[1-9]\d{0,9}$/.test(text)) throw new Error(`--${name} must be a whole number above 0`);
    return Number(text);
  };
  const messages = positive('messages', values.messages);
  const until = values.until === undefined ? new Date() : new Date(values.until);
  if (Number.isNaN(until.getTime())) throw new Error('--until must be a time');
  const options = {
    messages,
    chats: positive('chats', values.chats ?? String(defaultChats(messages))),
    partitions: positive('partitions', values.partitions),
    bodyBytes: positive('body-bytes', values['body-bytes']),
    seed: positive('seed', values.seed),
    until,
    keepIndexes: values['keep-indexes'],
  };
  const began = performance.now();
  if (values.database !== undefined) await loadStore(values.database, options);
  else {
    const postgres = await startPostgres({ folder: values.folder, settings: LOADING_SETTINGS });
    try {
      await loadStore(postgres.url, options);
    } finally {
      await postgres.stop();
    }
  }
  console.log(`${messages} messages in ${options.chats} chats, ${((performance.now() - began) / 1000).toFixed(0)} s`);
}

const CHATS_MAX = 100_000;
const MESSAGES_A_CHAT_MIN = 10;

function defaultChats(messages: number): number {
  return Math.min(CHATS_MAX, Math.max(1, Math.floor(messages / MESSAGES_A_CHAT_MIN)));
}

try {
  await main();
} catch (error) {
  console.error(`load: ${(error as Error).message}`);
  process.exitCode = 1;
}
