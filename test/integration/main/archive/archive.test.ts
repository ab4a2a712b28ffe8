import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type pg from 'pg';
import { eventually } from '../../../support/eventually.js';
import { startProcess } from '../../../support/fleet/processes.js';
import { emptyDatabase, freshDatabase, projectFolder, scratchFolder } from '../../../support/services/services.js';
import { anArchive, CHAT, textOf } from '../../../unit/application/archive/an-archive.js';
import { create, send } from '../../../unit/application/commands/drafts.js';
import { carriedRows } from '../../prisma/archive/archive-rows-of.js';
import { DecidedStore } from '../../prisma/decided-store.js';
import { lockWaiters, withConnection } from '../../prisma/prisma-harness.js';
import { cli } from '../cli/run-cli.js';
import { warmCli } from '../cli/warm-cli.js';
import { bannerOf, DevFolder } from '../dev/dev-harness.js';

/** Many starts of a program, one after the other. */
const TEST_TIMEOUT_MS = 240_000;
const WITHIN_MS = 30_000;
const GROUP = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9a10';
const NOWHERE = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9aff';
const CLI = join(projectFolder, 'dist', 'src', 'main', 'cli.js');

describe('parley export and import', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let url: string;

  /** A chat of 1,201 events: more than an import writes at a time. */
  before(async () => {
    const store = await DecidedStore.open();
    await store.given(create('alice', GROUP, ['bob']));
    for (let batch = 0; batch < 6; batch += 1)
      await store.decide(Array.from({ length: 200 }, (_, n) => send('alice', GROUP, `message ${batch * 200 + n}`)));
    await store.close();
    url = store.url;
  });

  const run = (args: string[], databaseUrl = url) => warmCli(args, { DATABASE_URL: databaseUrl });
  const aFile = (name = 'chats.jsonl') => join(scratchFolder('archive'), name);
  const write = (lines: readonly string[]) => {
    const file = aFile();
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
    return file;
  };
  async function refused(args: string[], databaseUrl = url): Promise<string> {
    const { code, stdout, stderr } = await run(args, databaseUrl);
    expect({ code, stdout }, stderr.join('\n')).to.deep.equal({ code: 1, stdout: [] });
    expect(stderr, stderr.join('\n')).to.have.length(1);
    return stderr[0] ?? '';
  }

  it('describe themselves in --help', async () => {
    const [exporting, importing] = await Promise.all([run(['export', '--help']), run(['import', '--help'])]);
    expect([exporting.code, importing.code]).to.deep.equal([0, 0]);
    for (const option of ['--chat <id>', '--user <id>', '--tenant <id>', '--out <file>'])
      expect(exporting.stdout.join('\n')).to.include(option);
    expect(importing.stdout.join('\n')).to.include('import [options] <file>');
  });

  it('refuse invalid arguments in one line', async () => {
    const out = ['--out', aFile()];
    const folder = scratchFolder('archive');
    const cases: [string[], string | RegExp][] = [
      [['export', ...out], 'parley: either --chat or --user must be given'],
      [['export', '--chat', GROUP, '--user', 'alice', ...out], 'parley: either --chat or --user must be given'],
      [['export', '--chat', GROUP], /^parley: required option '--out <file>' not specified/],
      [['export', '--chat', GROUP.toUpperCase(), ...out], /It must be a chat id\.$/],
      [['export', '--user', 'a b', ...out], /It must be a user id\.$/],
      [['export', '--chat', NOWHERE, ...out], `parley: tenant default has no chat ${NOWHERE}`],
      [['export', '--chat', GROUP, '--tenant', 'other', ...out], `parley: tenant other has no chat ${GROUP}`],
      [['export', '--user', 'nobody', ...out], 'parley: tenant default has no user nobody: no profile and no chat'],
      [['export', '--chat', GROUP, '--out', join(folder, 'no', 'such')], /^parley: ENOENT: .*no\/such/],
      [['export', '--chat', GROUP, '--out', folder], /^parley: EISDIR: /],
      [['import', join(folder, 'none')], /^parley: ENOENT: .*none/],
      [['import', folder], /^parley: EISDIR: /],
      [['import', write(['{}'])], /^parley: .*chats\.jsonl: line 1: /],
      [['import', write([])], /^parley: .*: line 1: the archive is empty$/],
      [['import', write(anArchive().slice(0, -1).map(textOf))], /: line 15: the archive ends within chat /],
    ];
    const target = await freshDatabase();
    for (const [args, expected] of cases) {
      const line = await refused(args, args[0] === 'import' ? target : url);
      if (typeof expected === 'string') expect(line).to.equal(expected);
      else expect(line).to.match(expected);
    }
    expect(readdirSync(folder)).to.deep.equal([]);
    expect(await refused(['import', 'x'], await emptyDatabase())).to.match(/is not migrated/);
    expect(await refused(['export', '--chat', GROUP, ...out], 'postgresql://x:hunter2@127.0.0.1:1/x')).to.match(
      /^parley: the database is not available \(.*127\.0\.0\.1:1/,
    );
  });

  it('transfer a chat: a file readable only by its owner, figures on standard error', async () => {
    const file = aFile();
    const exported = await cli(['export', '--chat', GROUP, '--out', file], { DATABASE_URL: url });
    expect(exported).to.deep.equal({ code: 0, stdout: [], stderr: ['parley: exported 1 chat, 2406 lines'] });
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(readFileSync(file, 'utf8').split('\n')).to.have.length(2407);
    const target = await freshDatabase();
    const imported = await cli(['import', file], { DATABASE_URL: target });
    expect(imported).to.deep.equal({
      ...{ code: 0, stdout: [] },
      stderr: ['parley: 2406 lines; chats: 1 imported, 0 already present, 0 different'],
    });
    expect(await carriedRows(target)).to.deep.equal(await carriedRows(url));
  });

  it('work through a pipe, and replace a file only when everything is written', async () => {
    const target = await freshDatabase();
    const command = `"$0" '${CLI}' export --chat ${GROUP} --out - | DATABASE_URL='${target}' "$0" '${CLI}' import -`;
    const piped = await startProcess({
      interpreter: '/bin/sh',
      script: '-c',
      args: [command, process.execPath],
      env: { DATABASE_URL: url },
    });
    expect((await piped.ended).code, piped.output).to.equal(0);
    expect(await carriedRows(target)).to.deep.equal(await carriedRows(url));
    const file = write(['what was there before']);
    chmodSync(file, 0o644);
    expect((await run(['export', '--chat', GROUP, '--out', file])).code).to.equal(0);
    expect(readFileSync(file, 'utf8')).to.match(/^\{"kind":"header"/);
    expect(readdirSync(join(file, '..'))).to.deep.equal(['chats.jsonl']);
  });

  it('end with one line if the reader stops', async () => {
    const command = `{ "$0" '${CLI}' export --chat ${GROUP} --out -; echo "code $?" >&2; } | head -n 1`;
    const piped = await startProcess({
      interpreter: '/bin/sh',
      script: '-c',
      args: [command, process.execPath],
      env: { DATABASE_URL: url },
    });
    await piped.ended;
    expect(piped.stdout).to.have.length(1);
    expect(piped.stderr.at(-1)).to.equal('code 1');
    expect(piped.stderr.at(-2)).to.match(/^parley: .*EPIPE/);
    expect(piped.output).to.not.match(/^\s+at /m);
  });

  it('print progress at intervals without a terminal, also for a slow reader', async () => {
    const pipe = join(scratchFolder('archive'), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const exporting = await startProcess({
      args: ['export', '--chat', GROUP, '--out', pipe],
      env: { DATABASE_URL: url },
    });
    await exporting.line(/^parley: exported \d+ lines$/);
    expect(readFileSync(pipe, 'utf8').trimEnd().split('\n')).to.have.length(2406);
    expect((await exporting.ended).code).to.equal(0);
    expect(exporting.stderr.at(-1)).to.equal('parley: exported 1 chat, 2406 lines');
    expect(statSync(pipe).isFIFO()).to.equal(true);
  });

  /** Runs `work` while the table is locked. */
  async function whileLocked<T>(databaseUrl: string, table: string, work: (sql: pg.Client) => Promise<T>): Promise<T> {
    return withConnection(databaseUrl, async (sql) => {
      await sql.query('BEGIN');
      await sql.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
      const result = await work(sql);
      await sql.query('ROLLBACK');
      return result;
    });
  }
  const count = async (databaseUrl: string, table: string) =>
    withConnection(databaseUrl, async (sql) => (await sql.query(`SELECT count(*)::int4 AS n FROM ${table}`)).rows[0].n);

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`leave no file if the export is ended by ${signal}`, async () => {
      const file = aFile();
      const exporting = await whileLocked(url, 'reactions', async () => {
        const child = await startProcess({
          args: ['export', '--chat', GROUP, '--out', file],
          env: { DATABASE_URL: url },
        });
        await eventually(() => readdirSync(join(file, '..')).length === 1, {
          within: WITHIN_MS,
          what: 'an export that is under way',
        });
        child.send(signal);
        return child;
      });
      expect(await exporting.ended).to.deep.equal({ code: 1, signal: null });
      expect(exporting.stderr).to.deep.equal(['parley: interrupted: nothing was exported']);
      expect(readdirSync(join(file, '..'))).to.deep.equal([]);
    });

  it('leave no file if the database fails during the export', async () => {
    const file = aFile();
    const exporting = await whileLocked(url, 'reactions', async (sql) => {
      const child = await startProcess({
        args: ['export', '--chat', GROUP, '--out', file],
        env: { DATABASE_URL: url },
      });
      await lockWaiters(sql, 1);
      await eventually(() => readdirSync(join(file, '..')).length === 1, {
        within: WITHIN_MS,
        what: 'an export that is under way',
      });
      await sql.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'parley' AND wait_event_type = 'Lock'`,
      );
      return child;
    });
    expect((await exporting.ended).code).to.equal(1);
    expect(exporting.stderr).to.have.length(1);
    expect(exporting.stderr[0]).to.match(/^parley: the database is not available/);
    expect(readdirSync(join(file, '..'))).to.deep.equal([]);
  });

  it('complete a killed import when run again', async () => {
    const file = aFile();
    await run(['export', '--chat', GROUP, '--out', file]);
    const target = await freshDatabase();
    await withConnection(target, async (sql) => {
      // A member that another transaction is adding: an import of the same one waits.
      await sql.query('BEGIN');
      await sql.query("INSERT INTO members VALUES ($1, 'alice', 'default', 'member', NULL, now(), 1, 0, 0)", [GROUP]);
      const importing = await startProcess({ args: ['import', file], env: { DATABASE_URL: target } });
      await lockWaiters(sql, 1);
      expect(await importing.kill()).to.deep.equal({ code: null, signal: 'SIGKILL' });
      await sql.query('ROLLBACK');
    });
    expect(await count(target, 'messages')).to.be.within(1, 1_199);
    expect(await count(target, 'members')).to.equal(0);
    const again = await run(['import', file], target);
    expect(again.code, again.stderr.join('\n')).to.equal(0);
    expect(again.stderr.at(-1)).to.include('1 imported');
    expect(await carriedRows(target)).to.deep.equal(await carriedRows(url));
  });

  it('need only the documented rights for an export', async () => {
    const guide = readFileSync(join(projectFolder, 'docs', 'import-export.md'), 'utf8');
    const [statement = ''] = /^GRANT .*$/m.exec(guide) ?? [];
    const role = `parley_export_${Math.random().toString(36).slice(2, 8)}`;
    await withConnection(url, async (sql) => {
      await sql.query(`CREATE ROLE ${role} LOGIN PASSWORD '${role}'`);
      await sql.query(statement.replace('parley_export', role));
    });
    const own = new URL(url);
    own.username = role;
    own.password = role;
    const exported = await run(['export', '--user', 'alice', '--out', aFile()], own.href);
    expect(exported.code, exported.stderr.join('\n')).to.equal(0);
  });

  it('list chats whose id belongs to another chat, and exit with 1', async () => {
    const target = await freshDatabase();
    const other = anArchive();
    Object.assign(other[1] ?? {}, { createdBy: 'bob' });
    expect((await run(['import', write(other.map(textOf))], target)).code).to.equal(0);
    const { code, stderr } = await run(['import', write(anArchive().map(textOf))], target);
    expect(code).to.equal(1);
    expect(stderr).to.deep.equal([
      'parley: 16 lines; chats: 0 imported, 0 already present, 1 different',
      `parley: ${CHAT} exists here as a different chat and was not changed`,
    ]);
  });

  it('work with a running system without RabbitMQ', async () => {
    const dev = await new DevFolder().start({ rabbitmq: false });
    try {
      const banner = await bannerOf(dev);
      expect((await run(['import', write(anArchive().map(textOf))], banner.databaseUrl)).code).to.equal(0);
      const ask = async (path: string, init: RequestInit = {}) => {
        const headers = { authorization: `Bearer ${banner.token}`, 'content-type': 'application/json' };
        const response = await fetch(`${banner.base}/v1/chats/${CHAT}/${path}`, { ...init, headers });
        return (await response.json()) as { sequence: number; items: { type: string; data: object }[] };
      };
      const said = await ask('messages', { method: 'POST', body: JSON.stringify({ body: 'here' }) });
      expect(said, JSON.stringify(said)).to.include({ sequence: 7 });
      const { items } = await ask('events');
      expect(items.map(({ type }) => type)).to.deep.equal([
        ...['chat.created', 'message.created', 'message.edited', 'message.reacted', 'message.created'],
        ...['message.deleted', 'message.created'],
      ]);
      const [, first, edited, , gone] = items;
      expect(first?.data).to.include({ body: 'hello' });
      expect(edited?.data).to.include({ body: 'hello, all', revision: 2 });
      expect(gone?.data).to.include({ body: null, erased: true });
    } finally {
      await dev.stop();
    }
  });
});
