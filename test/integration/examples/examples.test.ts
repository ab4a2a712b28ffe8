/** The examples as people run them: as programs of their own, against a worker and a broker. */
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { policyWithoutQuotas } from '../../support/policies/policy-with.js';
import {
  freshDatabase,
  projectFolder,
  rabbitmq,
  scratchFolder,
  uniqueNamespace,
} from '../../support/services/services.js';

const LINES = 120;
const END_TIMEOUT_MS = 60_000;

describe('The examples, run against a worker', function () {
  this.timeout(2 * END_TIMEOUT_MS);
  let databaseUrl = '';
  let env: Record<string, string> = {};
  let worker: TestProcess;

  before(async () => {
    const [database, { url }] = await Promise.all([freshDatabase(), rabbitmq()]);
    databaseUrl = database;
    env = { DATABASE_URL: database, AMQP_URL: url, CHAT_NAMESPACE: uniqueNamespace(), COMMAND_PARTITIONS: '2' };
    const POLICY_FILE = policyWithoutQuotas();
    worker = await startProcess({ args: ['worker'], env: { ...env, HOST: '127.0.0.1', POLICY_FILE } });
    await worker.line(/lease acquired/);
  });

  after(() => worker?.stop());

  function run(example: string, ...args: string[]): Promise<TestProcess> {
    const script = join(projectFolder, 'dist', 'examples', `${example}.js`);
    expect(existsSync(script), script).to.equal(true);
    return startProcess({ script, args, env });
  }

  /** Two logs with joins, answers, actions and a change of nick. */
  function writeLogs(): string {
    const folder = scratchFolder('irc');
    for (const name of ['one', 'two']) {
      const lines = ['=== anna [~anna@host.example]  has joined #x'];
      const replies: string[] = [];
      for (let line = 1; line < LINES; line += 1) {
        lines.push(`[09:${10 + (line % 50)}] <${['anna', 'ben', '[cid]'][line % 3]}> ${name} ${line}`);
        if (line > 10 && line % 7 === 0) replies.push(`${line - 5} ${line} -`);
      }
      lines[40] = '=== ben is now known as ben_';
      lines[50] = '[09:20]  * ben_ waves';
      writeFileSync(join(folder, `${name}.raw.txt`), `${lines.join('\n')}\n`);
      writeFileSync(join(folder, `${name}.replies.txt`), `${replies.join('\n')}\n`);
    }
    return folder;
  }

  async function messages() {
    const client = new pg.Client({ connectionString: databaseUrl });
    await client.connect();
    try {
      const { rows } = await client.query<{ chat_id: string; line: number; body: string; answered: number | null }>(
        `SELECT m.chat_id, (m.metadata->'irc'->>'line')::int AS line, m.body, (a.metadata->'irc'->>'line')::int AS answered
         FROM messages m LEFT JOIN messages a ON a.message_id = m.in_reply_to
         WHERE m.metadata->'irc' IS NOT NULL ORDER BY m.chat_id, m.sequence`,
      );
      return rows;
    } finally {
      await client.end();
    }
  }

  it('the producer prints a receipt for each command, and the same for a repeated one', async () => {
    const producer = await run('producer');
    expect((await producer.ended).code, producer.output).to.equal(0);
    expect(producer.stdout.map((line) => line.split(' ').slice(0, 2).join(' '))).to.deep.equal([
      'user.upsert accepted',
      'chat.create accepted',
      'message.send accepted',
      'message.send accepted',
    ]);
    const [first, second] = producer.stdout.slice(2).map((line) => JSON.parse(line.replace(/^\S+ \S+ /, '')));
    expect(second).to.deep.equal({ ...first, replayed: true });
  });

  it('a dispatch consumer gets the events in order; a second one waits until the first ends', async () => {
    const first = await run('dispatch-worker');
    await first.line(/^consuming from/);
    const second = await run('dispatch-worker');
    await second.line(/^another consumer is active/);
    await (await run('producer')).ended;
    await first.line(/^message\.created .*\/2 by alice for 1 recipients$/);
    const { code } = await first.stop();
    expect(code).to.equal(0);
    expect(first.stdout.at(-1)).to.match(/^dispatched \d+, repeats dropped \d+, gaps 0$/);
    await second.line(/^consuming from/);
    await second.stop();
  });

  it('the replay stores every line once and in order, with each command and event in its ledger', async () => {
    const folder = writeLogs();
    const replay = await run('irc-replay', '--namespace', env.CHAT_NAMESPACE ?? '', folder);
    expect((await replay.ended).code, replay.output).to.equal(0);
    const said = 2 * (LINES - 2); // but for the join and the change of nick
    expect(replay.output).to.match(
      new RegExp(`^2 logs \\(.*${said - 2} text.*2 action.*\\), 5 users, \\d+ commands$`, 'm'),
    );
    expect(replay.output)
      .to.match(/^unanswered +0$/m)
      .and.match(/^rejected +0$/m)
      .and.match(/^replayed +0 /m);
    expect(replay.output).to.match(/^events seen +\d+ {2}0 missing/m);

    const stored = await messages();
    expect(stored.length).to.equal(said);
    for (const [index, { chat_id: chatId, line, answered }] of stored.entries()) {
      const before = stored[index - 1];
      if (before?.chat_id === chatId) expect(line).to.be.greaterThan(before.line);
      if (line > 10 && line % 7 === 0) expect(answered, `line ${line}`).to.equal(line - 5);
    }

    const again = await run('irc-replay', '--namespace', env.CHAT_NAMESPACE ?? '', folder);
    expect((await again.ended).code, again.output).to.equal(0);
    const commands = /^commands +(\d+)/m.exec(again.output)?.[1];
    expect(/^replayed +(\d+)/m.exec(again.output)?.[1]).to.equal(commands);
    expect(await messages()).to.deep.equal(stored);
  });

  it('each reports errors in one line, exits with 1, and has --help', async () => {
    const log = join(writeLogs(), 'one.raw.txt');
    const needed: Record<string, string[]> = { producer: [], 'dispatch-worker': [], 'irc-replay': [log] };
    const cases: [string, string[], Record<string, string>, RegExp][] = Object.keys(needed).flatMap((example) => [
      [example, [], { AMQP_URL: 'localhost' }, /: the address of the broker must be a URL that starts with amqp/],
      [example, [], { AMQP_URL: 'amqp://u:hunter2@127.0.0.1:1' }, /the broker cannot be reached: connect ECONNREFUSED/],
      [example, ['--frobnicate'], {}, /^[a-z-]+: Unknown option '--frobnicate'; see --help$/],
    ]);
    cases.push(
      ['producer', ['general'], {}, /the chat id must be a UUID in lower-case canonical form, and general is not$/],
      ['producer', [randomUUID(), 'x'], {}, /one argument too many: x; see --help$/],
      ['producer', [], { CHAT_NAMESPACE: 'nobody-here' }, /no exchange nobody-here\.commands at the broker/],
      ['dispatch-worker', ['no-such-queue'], {}, /no broker, or no queue no-such-queue: .*NOT.FOUND/],
      ['irc-replay', ['/nowhere/at.all'], {}, /no such file or directory/],
    );
    for (const [example, args, more, expected] of cases) {
      const script = join(projectFolder, 'dist', 'examples', `${example}.js`);
      const given = [...args, ...(args.length === 0 ? (needed[example] ?? []) : [])];
      const program = await startProcess({ script, args: given, env: { ...env, ...more } });
      const { code } = await program.ended;
      const about = `${example} ${args.join(' ')}: ${program.output}`;
      expect([code, program.stderr.length], about).to.deep.equal([1, 1]);
      expect(program.stderr[0], about).to.match(expected).and.to.not.include('hunter2');
    }
    for (const example of Object.keys(needed)) {
      const help = await run(example, '--help');
      expect([(await help.ended).code, help.stderr]).to.deep.equal([0, []]);
      expect(help.output).to.include(`node dist/examples/${example}.js`);
    }
  });

  it('the replay has a sample log', async () => {
    const sample = join(projectFolder, 'examples', 'irc');
    const replay = await run('irc-replay', '--namespace', env.CHAT_NAMESPACE ?? '', sample);
    expect((await replay.ended).code, replay.output).to.equal(0);
    expect(replay.output)
      .to.match(/^1 logs \(/m)
      .and.match(/^rejected +0$/m)
      .and.match(/^events seen +\d+ {2}0 missing/m);
  });

  it('the replay reports why it cannot start', async () => {
    const folder = writeLogs();
    const elsewhere = await run('irc-replay', '--namespace', 'nobody-here', folder);
    expect((await elsewhere.ended).code).to.equal(1);
    expect(elsewhere.output).to.match(/no exchange nobody-here\.commands at the broker/);
    const empty = await run('irc-replay');
    expect((await empty.ended).code).to.equal(1);
    const help = await run('irc-replay', '--help');
    expect((await help.ended).code).to.equal(0);
    expect(help.output).to.include('--no-events');
  });
});
