import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { cli } from '../cli/run-cli.js';
import { warmCli } from '../cli/warm-cli.js';
import { DeadLetterBench, idsOf, SAID } from './dead-letter-bench.js';

const TEST_TIMEOUT_MS = 180_000;
const TOKEN = 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl';

describe('parley dead-letters', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let bench: DeadLetterBench;

  before(async () => {
    bench = await DeadLetterBench.open();
  });
  after(() => bench?.close());
  beforeEach(async () => {
    await bench.channel.purgeQueue(bench.queue);
  });

  it('describe themselves in --help, and that only --body shows texts', async () => {
    const [all, show] = await Promise.all([cli(['dead-letters', '--help']), cli(['dead-letters', 'show', '--help'])]);
    for (const command of ['list', 'show', 'replay', 'drop'])
      expect(all.stdout.join('\n')).to.match(new RegExp(`^  ${command} `, 'm'));
    expect(show.stdout.join('\n')).to.match(/--body .*may contain what a user wrote/);
  });

  it('refuse invalid arguments in one line', async () => {
    const cases: [string[], Record<string, string>, RegExp][] = [
      [['list'], { CHAT_NAMESPACE: 'chat' }, /^parley: AMQP_URL is required$/],
      [['list'], { AMQP_URL: 'amqp://guest:hunter2@127.0.0.1:1' }, /^parley: no broker within 5000 ms: .*ECONNREFUSED/],
      [
        ['list'],
        { ...bench.env, CHAT_NAMESPACE: 'nowhere' },
        /^parley: the broker has no queue nowhere\.dead-letters$/,
      ],
      [
        ['list', '--reason', 'bad'],
        bench.env,
        /'bad' is invalid\. Allowed choices are malformed, misrouted, poison, x-death\.$/,
      ],
      [['list', '--since', 'yesterday'], bench.env, /It must be a duration such as/],
      [['list', '--chat', 'X'], bench.env, /It must be a chat id\.$/],
      [['list', '--limit', '0'], bench.env, /whole number, 1 or more/],
      [['show'], bench.env, /^parley: select a dead letter by its message id or by --place$/],
      [['show', 'nobody'], bench.env, /^parley: no dead letter has the message id nobody$/],
      [['replay'], bench.env, /^parley: select dead letters by a filter, by --id, or by --all$/],
      [['replay', '--all', '--reason', 'poison'], bench.env, /^parley: --all excludes filters and --id$/],
      [['drop', '--yes'], bench.env, /^parley: select dead letters/],
      [['drop', '--all'], bench.env, /^parley: --yes is required without a terminal$/],
    ];
    for (const [args, given, expected] of cases) {
      const { code, stdout, stderr } = await warmCli(['dead-letters', ...args], given);
      expect({ code, stdout }, args.join(' ')).to.deep.equal({ code: 1, stdout: [] });
      expect(stderr, stderr.join('\n')).to.have.length(1);
      expect(stderr[0]).to.match(expected);
      expect(stderr[0]).not.to.include('hunter2');
    }
  });

  it('list by every filter, count by reason, and apply the limit', async () => {
    const other = v4();
    await bench.plant(
      { id: 'one', reason: 'poison', hoursAgo: 5 },
      { id: 'two', reason: 'misrouted', chat: other },
      { id: 'three', reason: 'malformed', type: 'message.edit', routingKey: null },
      { id: 'four', reason: 'poison', chat: other, type: 'message.edit', hoursAgo: 1 },
      { reason: 'malformed', hoursAgo: 50 },
    );
    const all = await bench.list();
    expect(all).to.deep.include({ ready: 5, seen: 5, matching: 5 });
    expect(all.byReason).to.deep.equal({ malformed: 2, misrouted: 1, poison: 2 });
    expect(idsOf(all)).to.deep.equal(['one', 'two', 'three', 'four', null]);
    const cases: [string[], (string | null)[]][] = [
      [
        ['--reason', 'poison'],
        ['one', 'four'],
      ],
      [
        ['--reason', 'malformed'],
        ['three', null],
      ],
      [['--reason', 'misrouted'], ['two']],
      [['--reason', 'x-death'], []],
      [
        ['--since', '2h'],
        ['two', 'three', 'four'],
      ],
      [
        ['--since', '2d'],
        ['one', 'two', 'three', 'four'],
      ],
      [
        ['--type', 'message.edit'],
        ['three', 'four'],
      ],
      [
        ['--chat', other],
        ['two', 'four'],
      ],
      [['--chat', other, '--reason', 'poison', '--since', '90m', '--type', 'message.edit'], ['four']],
    ];
    for (const [args, expected] of cases)
      expect(idsOf(await bench.list(...args)), args.join(' ')).to.deep.equal(expected);
    const few = await bench.list('--limit', '2');
    expect(few.matching).to.equal(5);
    expect(idsOf(few)).to.deep.equal(['one', 'two']);
    const table = await bench.succeeds('list', '--reason', 'poison', '--limit', '1');
    expect(table[0]).to.match(/^place {2}message id {2}type +chat +reason {2}at +worker +detail$/);
    expect(table[1]).to.match(
      new RegExp(`^1 +one +message\\.send +${bench.chat.chatId} +poison +20\\S+Z +worker-1 +planted as poison$`),
    );
    expect(table.slice(2)).to.deep.equal(['2 of 5 dead letters: poison 2', 'shown: the first 1; --limit shows more']);
  });

  it('list messages that RabbitMQ dead-lettered, with time and origin', async () => {
    await bench.letItExpire('expired');
    const { letters, byReason } = await bench.list('--reason', 'x-death', '--since', '1m', '--chat', bench.chat.chatId);
    expect(byReason).to.deep.equal({ 'x-death': 1 });
    expect(letters[0]).to.deep.include({ messageId: 'expired', chatId: bench.chat.chatId, reason: 'x-death' });
    expect(letters[0])
      .to.have.property('detail')
      .that.matches(/^expired in .*\.commands\.p[01]$/);
  });

  it('show no texts and tokens, except the body with --body', async () => {
    const headers = { authorization: TOKEN, 'x-gateway': TOKEN, apiToken: 'hunter2', deep: { password: 'hunter2' } };
    await bench.plant({ id: 'secret', headers }, { id: 'other' });
    const shown = (await bench.succeeds('show', 'secret')).join('\n');
    const body = JSON.stringify({ actorId: bench.chat.users[0], chatId: bench.chat.chatId, data: { body: SAID } });
    expect(shown)
      .to.match(/^messageId +secret$/m)
      .and.to.match(/^type +message\.send$/m);
    expect(shown)
      .to.match(/^header note +mine$/m)
      .and.to.match(/^header authorization +\(hidden\)$/m);
    expect(shown).to.match(new RegExp(`^body +${body.length} bytes$`, 'm'));
    expect(shown).to.include(createHash('sha256').update(body).digest('hex'));
    const listed = [...(await bench.succeeds('list')), JSON.stringify(await bench.list())].join('\n');
    for (const text of [shown, listed])
      expect(text)
        .not.to.match(/hunter2|eyJ/)
        .and.not.to.include(SAID);
    const whole = await bench.succeeds('show', 'secret', '--body');
    expect(whole.slice(-2)).to.deep.equal(['body:', body]);
    expect(await bench.succeeds('show', '--place', '2')).to.satisfy((lines: string[]) =>
      lines.some((line) => /^messageId +other$/.test(line)),
    );
  });

  it('print no terminal control sequences', async () => {
    await bench.plant({ id: 'a\u001b[31mred\u0007\nline', type: 'x\u202egnp' });
    const [, row = '', ...rest] = await bench.succeeds('list');
    expect(row).to.include('a\ufffd[31mred\ufffd\ufffdline').and.to.include('x\ufffdgnp');
    expect(rest).to.deep.equal(['1 dead letter: poison 1']);
  });

  it('do not change the queue by browsing', async () => {
    const ids = Array.from({ length: 300 }, (_, number) => `letter-${number}`);
    await bench.plant(...ids.map((id) => ({ id })));
    for (let look = 0; look < 3; look += 1) {
      expect(idsOf(await bench.list('--limit', '1000'))).to.deep.equal(ids);
      await bench.untilThere(300);
    }
    await bench.succeeds('show', 'letter-7');
    expect(await bench.succeeds('drop', '--all', '--dry-run')).to.deep.equal(['would drop 300 of 300 dead letters']);
    expect(await bench.succeeds('replay', '--all', '--dry-run')).to.deep.equal([
      'would replay 300 of 300 dead letters',
    ]);
    await bench.untilThere(300);
    const taken: string[] = [];
    for (;;) {
      const message = await bench.channel.get(bench.queue, { noAck: true });
      if (message === false) break;
      taken.push(String(message.properties.messageId));
    }
    expect(taken).to.deep.equal(ids);
  });

  it('drop the selected messages, and keep the others in order', async () => {
    await bench.plant(
      ...Array.from({ length: 20 }, (_, number) => ({
        id: `letter-${number}`,
        reason: number % 2 === 0 ? 'poison' : 'misrouted',
      })),
    );
    expect(await bench.succeeds('drop', '--reason', 'poison', '--yes')).to.deep.equal([
      'dropped 10 of 20 dead letters',
    ]);
    await bench.untilThere(10);
    expect(await bench.succeeds('drop', '--id', 'letter-3', '--id', 'letter-5', '--yes')).to.deep.equal([
      'dropped 2 of 10 dead letters',
    ]);
    await bench.untilThere(8);
    expect(await bench.listedIds()).to.deep.equal([1, 7, 9, 11, 13, 15, 17, 19].map((number) => `letter-${number}`));
    expect(await bench.succeeds('drop', '--all', '--yes')).to.deep.equal(['dropped 8 of 8 dead letters']);
    await bench.untilThere(0);
  });

  it('do not touch messages that another consumer holds', async () => {
    await bench.plant({ id: 'theirs' }, { id: 'ours' });
    const holding = await bench.connection.createChannel();
    await holding.get(bench.queue);
    expect(await bench.listedIds()).to.deep.equal(['ours']);
    await holding.close();
    await bench.untilThere(2);
    expect(await bench.listedIds()).to.have.members(['theirs', 'ours']);
  });
});
