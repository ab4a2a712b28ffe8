/**
 * How much memory it takes to move a large chat: `npm run proof -- archive` takes a million messages, the tests a few
 * thousand.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { startProcess } from '../../../support/fleet/processes.js';
import { freshDatabase, scratchFolder } from '../../../support/services/services.js';
import { carriedSums } from '../../prisma/archive/archive-rows-of.js';
import { withConnection } from '../../prisma/prisma-harness.js';

const MESSAGES = Number(process.env.PARLEY_ARCHIVE_MESSAGES ?? 20_000);
const PEAK_MAX_MB = 300;
const TIMEOUT_MS = 300_000 + 4 * MESSAGES;
const TELL_EVERY_MS = 1_000;
const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9b10';
const WRITE_PEAK = pathToFileURL(fileURLToPath(new URL('./write-peak-memory.js', import.meta.url))).href;

/**
 * A channel of 1,000 members. Some of its messages are as long as can be, one in ten is in a thread, one in twenty has
 * reactions.
 */
const STATEMENTS = [
  `INSERT INTO chats (chat_id, tenant_id, partition, kind, title, metadata, created_by, created_at, last_sequence, last_ordinal,
     member_count, owner_count, last_activity_at)
   VALUES ('${CHAT}', 'default', 0, 'channel', 'A large one', '{}', 'user-1', now(), ${MESSAGES + 1}, ${MESSAGES}, 1000, 1, now())`,
  `INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at, payload)
   SELECT 0, n, CASE n WHEN 1 THEN 'chat.created' ELSE 'message.created' END, 'default', '${CHAT}', n, 'user-' || n % 1000 + 1,
     'command-' || n, now(), CASE n WHEN 1 THEN
       '{"kind":"channel","title":"A large one","historyVisibility":"full","metadata":{},"members":[]}'::json END
   FROM generate_series(1, ${MESSAGES + 1}) n`,
  `INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type, thread_root_id,
     metadata, created_at, command_id)
   SELECT '${CHAT}', n, md5('message ' || n)::uuid, 'default', n - 1, 'user-' || n % 1000 + 1, 1,
     CASE WHEN n BETWEEN 1001 AND 1400 THEN repeat('👍', 16384)
       ELSE 'message ' || n || repeat(' words', 15 + n % 30) END, NULL,
     CASE WHEN n % 1000 > 10 AND n % 10 = 0 THEN md5('message ' || n - n % 1000 + 3)::uuid END,
     CASE n % 5 WHEN 0 THEN ('{"n":' || n || '}')::json END, now(), 'command-' || n
   FROM generate_series(2, ${MESSAGES + 1}) n`,
  `INSERT INTO threads SELECT t.thread_root_id, count(*) FROM messages t
   JOIN messages r ON r.message_id = t.thread_root_id GROUP BY t.thread_root_id`,
  `INSERT INTO reactions SELECT message_id, ':a:', 'user-' || u, now() FROM messages, generate_series(1, 3) u WHERE sequence % 20 = 0`,
  `INSERT INTO reaction_counts SELECT message_id, emoji, count(*) FROM reactions GROUP BY message_id, emoji`,
  `INSERT INTO users (tenant_id, user_id, display_name, name_key, kind, metadata, revision, created_at, updated_at)
   SELECT 'default', 'user-' || n, 'User ' || n, 'user ' || n, 'human', '{}', 1, now(), now() FROM generate_series(1, 1000) n`,
  `INSERT INTO members SELECT '${CHAT}', 'user-' || n, 'default', CASE n WHEN 1 THEN 'owner' ELSE 'member' END, NULL, now(), 1, 1, 0
   FROM generate_series(1, 1000) n`,
  'ANALYZE',
];

interface Figures {
  seconds: number;
  peakMb: number;
}

/** Runs the command line in its own process, and prints progress if it is slow. */
async function measured(args: string[], databaseUrl: string): Promise<Figures> {
  const peakFile = join(scratchFolder('peak'), 'kilobytes');
  const startedAt = Date.now();
  const child = await startProcess({
    args,
    env: { DATABASE_URL: databaseUrl, NODE_OPTIONS: `--import=${WRITE_PEAK}`, PEAK_MEMORY_FILE: peakFile },
  });
  let told = 0;
  const telling = setInterval(() => {
    for (const line of child.stderr.slice(told)) console.log(`    ${line}`);
    told = child.stderr.length;
  }, TELL_EVERY_MS);
  const { code } = await child.ended.finally(() => clearInterval(telling));
  expect(code, child.output).to.equal(0);
  const figures = { seconds: (Date.now() - startedAt) / 1_000, peakMb: Number(readFileSync(peakFile, 'utf8')) / 1_024 };
  expect(figures.peakMb).to.be.above(10);
  return figures;
}

describe(`A chat of ${MESSAGES.toLocaleString('en')} messages`, function () {
  this.timeout(TIMEOUT_MS);

  it(`is exported and imported with less than ${PEAK_MAX_MB} MB of memory each`, async function () {
    if (process.platform !== 'linux') this.skip(); // a process's peak is read from /proc
    const [from, to] = await Promise.all([freshDatabase(), freshDatabase()]);
    await withConnection(from, async (sql) => {
      for (const statement of STATEMENTS) await sql.query(statement);
    });
    const file = join(scratchFolder('archive'), 'large.jsonl');
    const exporting = await measured(['export', '--chat', CHAT, '--out', file], from);
    const importing = await measured(['import', file], to);
    const megabytes = statSync(file).size / 1_024 ** 2;
    const per = ({ seconds, peakMb }: Figures) =>
      `${seconds.toFixed(1)} s, ${Math.round(MESSAGES / seconds).toLocaleString('en')} messages/s, peak ${peakMb.toFixed(0)} MB`;
    console.log(`    a file of ${megabytes.toFixed(0)} MB; export ${per(exporting)}; import ${per(importing)}`);
    expect(exporting.peakMb, 'export').to.be.below(PEAK_MAX_MB);
    expect(importing.peakMb, 'import').to.be.below(PEAK_MAX_MB);
    expect(await carriedSums(to)).to.deep.equal(await carriedSums(from));
  });
});
