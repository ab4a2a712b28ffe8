import { createHash } from 'node:crypto';
import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import { expect } from 'chai';
import { v4 } from 'uuid';
import { replayDeadLetters } from '../../src/adapters/amqp/replay-dead-letters.js';
import { AmqpConnection } from '../../src/infrastructure/amqp-connection.js';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet.js';
import { startProcess, type TestProcess } from '../support/processes.js';
import { type CliEnd, cli } from './run-cli.js';
import { warmCli } from './warm-cli.js';

const TEST_TIMEOUT_MS = 180_000;
const within = 20_000;
const TOKEN = 'Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl';
const SAID = 'what nobody else is to read';
const HOUR_MS = 3_600_000;

interface Listed {
  ready: number;
  seen: number;
  matching: number;
  byReason: Record<string, number>;
  letters: { place: number; messageId: string | null; reason: string | null; chatId: string | null }[];
}

/** A letter as a worker, or RabbitMQ, leaves it. */
interface Planted {
  id?: string;
  type?: string;
  chat?: string;
  text?: string;
  reason?: string;
  hoursAgo?: number;
  headers?: Record<string, unknown>;
  actor?: string;
  routingKey?: string | null;
  properties?: Record<string, unknown>;
}

describe('parley dead-letters', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let fleet: Fleet;
  let worker: TestProcess;
  let connection: ChannelModel;
  let channel: ConfirmChannel;
  let queue: string;
  let chat: { chatId: string; users: string[] };

  before(async () => {
    fleet = await Fleet.create({ partitions: 2, env: { POISON_ATTEMPTS: '2' } });
    worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
    queue = `${fleet.namespace}.dead-letters`;
    connection = await amqp.connect(fleet.amqpUrl);
    channel = await connection.createConfirmChannel();
    chat = await fleet.createGroup(1);
  });
  after(async () => {
    await connection?.close();
    await fleet?.close();
  });
  beforeEach(async () => {
    await channel.purgeQueue(queue);
  });

  const env = () => ({ AMQP_URL: fleet.amqpUrl, CHAT_NAMESPACE: fleet.namespace });
  const run = (...args: string[]): Promise<CliEnd> => warmCli(['dead-letters', ...args], env());
  async function succeeds(...args: string[]): Promise<string[]> {
    const end = await run(...args);
    expect(end.code, [...end.stdout, ...end.stderr].join('\n')).to.equal(0);
    return end.stdout;
  }
  async function list(...args: string[]): Promise<Listed> {
    return JSON.parse((await succeeds('list', '--json', ...args)).join('\n')) as Listed;
  }
  const idsOf = ({ letters }: Listed) => letters.map(({ messageId }) => messageId);
  const untilThere = (count: number) =>
    eventually(async () => (await channel.checkQueue(queue)).messageCount === count, {
      within,
      what: `${count} dead letters`,
    });

  async function plant(...letters: Planted[]): Promise<void> {
    for (const letter of letters) {
      const { id, type = 'message.send', reason = 'poison', hoursAgo = 0, actor = chat.users[0] } = letter;
      const chatId = letter.chat ?? chat.chatId;
      const routingKey = letter.routingKey === undefined ? chatId : letter.routingKey;
      const marks = {
        'x-parley-reason': reason,
        'x-parley-detail': `planted as ${reason}`,
        'x-parley-at': new Date(Date.now() - hoursAgo * HOUR_MS).toISOString(),
        'x-parley-worker': 'worker-1',
        'x-parley-publish': '7',
        ...(routingKey === null ? {} : { 'x-parley-routing-key': routingKey }),
      };
      const body = JSON.stringify({ actorId: actor, chatId, data: { body: letter.text ?? SAID } });
      await new Promise<void>((resolve, reject) =>
        channel.sendToQueue(
          queue,
          Buffer.from(routingKey === null ? `no JSON: ${body}` : body),
          {
            ...(id === undefined ? {} : { messageId: id }),
            ...{
              type,
              contentType: 'application/json',
              persistent: true,
              correlationId: `who ${id}`,
              appId: 'gateway',
            },
            ...letter.properties,
            headers: { note: 'mine', ...letter.headers, ...(reason === 'x-death' ? {} : marks) },
          },
          (error: unknown) => (error ? reject(error as Error) : resolve()),
        ),
      );
    }
    await untilThere(letters.length);
  }

  /** A command that RabbitMQ itself puts away: it expires while there is no worker. */
  async function letItExpire(id: string): Promise<void> {
    await worker.stop();
    await fleet.producer.publishRaw(
      Buffer.from(JSON.stringify({ actorId: chat.users[0], chatId: chat.chatId, data: { body: 'too late' } })),
      { messageId: id, type: 'message.send', routingKey: chat.chatId, expiration: '1', correlationId: `who ${id}` },
    );
    await untilThere(1);
    worker = await fleet.startWorker();
    await worker.ready();
  }

  it('say what they do, and that only --body shows what somebody wrote', async () => {
    const [all, show] = await Promise.all([cli(['dead-letters', '--help']), cli(['dead-letters', 'show', '--help'])]);
    for (const command of ['list', 'show', 'replay', 'drop'])
      expect(all.stdout.join('\n')).to.match(new RegExp(`^  ${command} `, 'm'));
    expect(show.stdout.join('\n')).to.match(/--body .*may hold what somebody wrote/);
  });

  it('refuse in one line what cannot be', async () => {
    const cases: [string[], Record<string, string>, RegExp][] = [
      [['list'], { CHAT_NAMESPACE: 'chat' }, /^parley: AMQP_URL is required$/],
      [['list'], { AMQP_URL: 'amqp://guest:hunter2@127.0.0.1:1' }, /^parley: no broker within 5000 ms: .*ECONNREFUSED/],
      [['list'], { ...env(), CHAT_NAMESPACE: 'nowhere' }, /^parley: the broker has no queue nowhere\.dead-letters$/],
      [
        ['list', '--reason', 'bad'],
        env(),
        /'bad' is invalid\. Allowed choices are malformed, misrouted, poison, x-death\.$/,
      ],
      [['list', '--since', 'yesterday'], env(), /It must be a duration such as/],
      [['list', '--chat', 'X'], env(), /It must be a chat id\.$/],
      [['list', '--limit', '0'], env(), /whole number, 1 or more/],
      [['show'], env(), /^parley: say which letter: by its message id or by --place$/],
      [['show', 'nobody'], env(), /^parley: no dead letter has the message id nobody$/],
      [['replay'], env(), /^parley: say which letters: by a filter, by --id, or --all$/],
      [['replay', '--all', '--reason', 'poison'], env(), /^parley: --all does not go with a filter or --id$/],
      [['drop', '--yes'], env(), /^parley: say which letters/],
      [['drop', '--all'], env(), /^parley: --yes is required where no terminal can be asked$/],
    ];
    for (const [args, given, expected] of cases) {
      const { code, stdout, stderr } = await warmCli(['dead-letters', ...args], given);
      expect({ code, stdout }, args.join(' ')).to.deep.equal({ code: 1, stdout: [] });
      expect(stderr, stderr.join('\n')).to.have.length(1);
      expect(stderr[0]).to.match(expected);
      expect(stderr[0]).not.to.include('hunter2');
    }
  });

  it('list by every filter, count by reason, and keep to the limit', async () => {
    const other = v4();
    await plant(
      { id: 'one', reason: 'poison', hoursAgo: 5 },
      { id: 'two', reason: 'misrouted', chat: other },
      { id: 'three', reason: 'malformed', type: 'message.edit', routingKey: null },
      { id: 'four', reason: 'poison', chat: other, type: 'message.edit', hoursAgo: 1 },
      { reason: 'malformed', hoursAgo: 50 },
    );
    const all = await list();
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
    for (const [args, expected] of cases) expect(idsOf(await list(...args)), args.join(' ')).to.deep.equal(expected);
    const few = await list('--limit', '2');
    expect(few.matching).to.equal(5);
    expect(idsOf(few)).to.deep.equal(['one', 'two']);
    const table = await succeeds('list', '--reason', 'poison', '--limit', '1');
    expect(table[0]).to.match(/^place {2}message id {2}type +chat +reason {2}at +worker +detail$/);
    expect(table[1]).to.match(
      new RegExp(`^1 +one +message\\.send +${chat.chatId} +poison +20\\S+Z +worker-1 +planted as poison$`),
    );
    expect(table.slice(2)).to.deep.equal(['2 of 5 dead letters: poison 2', 'shown: the first 1; --limit shows more']);
  });

  it('list what RabbitMQ put away itself, when, and where it came from', async () => {
    await letItExpire('expired');
    const { letters, byReason } = await list('--reason', 'x-death', '--since', '1m', '--chat', chat.chatId);
    expect(byReason).to.deep.equal({ 'x-death': 1 });
    expect(letters[0]).to.deep.include({ messageId: 'expired', chatId: chat.chatId, reason: 'x-death' });
    expect(letters[0])
      .to.have.property('detail')
      .that.matches(/^expired in .*\.commands\.p[01]$/);
  });

  it('show nothing that somebody wrote and no token, but for the body where it is asked for', async () => {
    const headers = { authorization: TOKEN, 'x-gateway': TOKEN, apiToken: 'hunter2', deep: { password: 'hunter2' } };
    await plant({ id: 'secret', headers }, { id: 'other' });
    const shown = (await succeeds('show', 'secret')).join('\n');
    const body = JSON.stringify({ actorId: chat.users[0], chatId: chat.chatId, data: { body: SAID } });
    expect(shown)
      .to.match(/^messageId +secret$/m)
      .and.to.match(/^type +message\.send$/m);
    expect(shown)
      .to.match(/^header note +mine$/m)
      .and.to.match(/^header authorization +\(hidden\)$/m);
    expect(shown).to.match(new RegExp(`^body +${body.length} bytes$`, 'm'));
    expect(shown).to.include(createHash('sha256').update(body).digest('hex'));
    const listed = [...(await succeeds('list')), JSON.stringify(await list())].join('\n');
    for (const text of [shown, listed])
      expect(text)
        .not.to.match(/hunter2|eyJ/)
        .and.not.to.include(SAID);
    const whole = await succeeds('show', 'secret', '--body');
    expect(whole.slice(-2)).to.deep.equal(['body:', body]);
    expect(await succeeds('show', '--place', '2')).to.satisfy((lines: string[]) =>
      lines.some((line) => /^messageId +other$/.test(line)),
    );
  });

  it('print nothing that a terminal would obey, whoever wrote it', async () => {
    await plant({ id: 'a\u001b[31mred\u0007\nline', type: 'x\u202egnp' });
    const [, row = '', ...rest] = await succeeds('list');
    expect(row).to.include('a\ufffd[31mred\ufffd\ufffdline').and.to.include('x\ufffdgnp');
    expect(rest).to.deep.equal(['1 dead letter: poison 1']);
  });

  it('change nothing by looking: the same letters in the same order, however often', async () => {
    const ids = Array.from({ length: 300 }, (_, number) => `letter-${number}`);
    await plant(...ids.map((id) => ({ id })));
    for (let look = 0; look < 3; look += 1) {
      expect(idsOf(await list('--limit', '1000'))).to.deep.equal(ids);
      await untilThere(300);
    }
    await succeeds('show', 'letter-7');
    expect(await succeeds('drop', '--all', '--dry-run')).to.deep.equal(['would drop 300 of 300 dead letters']);
    expect(await succeeds('replay', '--all', '--dry-run')).to.deep.equal(['would replay 300 of 300 dead letters']);
    await untilThere(300);
    const taken: string[] = [];
    for (;;) {
      const message = await channel.get(queue, { noAck: true });
      if (message === false) break;
      taken.push(String(message.properties.messageId));
    }
    expect(taken).to.deep.equal(ids);
  });

  it('drop what is meant, and leave the others in their order', async () => {
    await plant(
      ...Array.from({ length: 20 }, (_, number) => ({
        id: `letter-${number}`,
        reason: number % 2 === 0 ? 'poison' : 'misrouted',
      })),
    );
    expect(await succeeds('drop', '--reason', 'poison', '--yes')).to.deep.equal(['dropped 10 of 20 dead letters']);
    await untilThere(10);
    expect(await succeeds('drop', '--id', 'letter-3', '--id', 'letter-5', '--yes')).to.deep.equal([
      'dropped 2 of 10 dead letters',
    ]);
    await untilThere(8);
    expect(idsOf(await list())).to.deep.equal([1, 7, 9, 11, 13, 15, 17, 19].map((number) => `letter-${number}`));
    expect(await succeeds('drop', '--all', '--yes')).to.deep.equal(['dropped 8 of 8 dead letters']);
    await untilThere(0);
  });

  it('leave alone what another consumer has', async () => {
    await plant({ id: 'theirs' }, { id: 'ours' });
    const holding = await connection.createChannel();
    await holding.get(queue);
    expect(idsOf(await list())).to.deep.equal(['ours']);
    await holding.close();
    await untilThere(2);
    expect(idsOf(await list())).to.have.members(['theirs', 'ours']);
  });

  const bodies = async () =>
    (
      await fleet.query<{ body: string }>('SELECT body FROM messages WHERE chat_id = $1 ORDER BY sequence', [
        chat.chatId,
      ])
    ).map(({ body }) => body);
  const receiptOf = (id: string) =>
    eventually(
      async () =>
        (
          await fleet.query<{ receipt: { status: string } }>('SELECT receipt FROM receipts WHERE command_id = $1', [id])
        )[0]?.receipt,
      { within, what: `a receipt for ${id}` },
    );

  it('replay what really was poison, once its cause is mended: one effect, however often', async () => {
    await fleet.query(`ALTER TABLE messages ADD CONSTRAINT planted CHECK (body <> 'poison')`);
    const body = Buffer.from(JSON.stringify({ actorId: chat.users[0], chatId: chat.chatId, data: { body: 'poison' } }));
    const publish = () =>
      fleet.producer.publishRaw(body, {
        ...{ messageId: 'poisonous', type: 'message.send', routingKey: chat.chatId, appId: 'gateway' },
        headers: { note: 'mine', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
      });
    await publish();
    await publish();
    await untilThere(2);
    await fleet.query('ALTER TABLE messages DROP CONSTRAINT planted');
    expect(await succeeds('replay', '--reason', 'poison')).to.deep.equal(['replayed 2 of 2 dead letters']);
    await untilThere(0);
    expect(await receiptOf('poisonous')).to.deep.include({ status: 'accepted' });
    await eventually(async () => (await bodies()).filter((text) => text === 'poison').length === 1, {
      within,
      what: 'one effect',
    });
    const [event] = await fleet.query<{ traceparent: string }>(
      `SELECT traceparent FROM chat_events WHERE command_id = 'poisonous'`,
    );
    expect(event?.traceparent).to.match(/^00-4bf92f/);
  });

  it('replay what was misrouted, and what RabbitMQ put away, by the routing key that each had', async () => {
    await letItExpire('late');
    await fleet.query('UPDATE chats SET partition = 1 - partition WHERE chat_id = $1', [chat.chatId]);
    const body = Buffer.from(
      JSON.stringify({ actorId: chat.users[0], chatId: chat.chatId, data: { body: 'strayed' } }),
    );
    await fleet.producer.publishRaw(body, { messageId: 'strayed', type: 'message.send', routingKey: chat.chatId });
    await untilThere(2);
    await fleet.query('UPDATE chats SET partition = 1 - partition WHERE chat_id = $1', [chat.chatId]);
    expect(await succeeds('replay', '--id', 'strayed')).to.deep.equal(['replayed 1 of 2 dead letters']);
    expect(await receiptOf('strayed')).to.deep.include({ status: 'accepted' });
    expect(idsOf(await list())).to.deep.equal(['late']);
    expect(await succeeds('replay', '--all')).to.deep.equal(['replayed 1 of 1 dead letter']);
    expect(await receiptOf('late')).to.deep.include({ status: 'accepted' });
    expect((await bodies()).slice(-2)).to.deep.equal(['strayed', 'too late']);
  });

  it('replay a letter with its properties and without its marks', async () => {
    const catcher = `${fleet.namespace}.catch`;
    await channel.assertQueue(catcher, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.bindQueue(catcher, `${fleet.namespace}.commands`, '#');
    try {
      await plant({ id: 'kept', properties: { timestamp: 1_700_000_000 } }, { reason: 'malformed', text: 'x' });
      expect(await succeeds('replay', '--all')).to.deep.equal(['replayed 2 of 2 dead letters']);
      const [kept, nameless] = await eventually(
        async () => {
          if ((await channel.checkQueue(catcher)).messageCount < 2) return null;
          return [await channel.get(catcher, { noAck: true }), await channel.get(catcher, { noAck: true })];
        },
        { within, what: 'the replayed commands' },
      );
      if (!kept || !nameless) throw new Error('not there');
      expect(kept.fields).to.include({ exchange: `${fleet.namespace}.commands`, routingKey: chat.chatId });
      expect(kept.properties).to.include({
        ...{ messageId: 'kept', type: 'message.send', correlationId: 'who kept', appId: 'gateway' },
        ...{ contentType: 'application/json', timestamp: 1_700_000_000, deliveryMode: 2 },
      });
      expect(kept.properties.headers).to.have.property('note', 'mine');
      expect(Object.keys(kept.properties.headers ?? {}).filter((name) => /parley|death/.test(name))).to.deep.equal([]);
      expect(nameless.properties.messageId).to.equal(undefined);
    } finally {
      await channel.deleteQueue(catcher);
    }
    // Its second reading says the same of it as the first.
    await untilThere(1);
    expect((await list()).byReason).to.deep.equal({ malformed: 1 });
  });

  it('say which letters cannot be replayed, and leave them', async () => {
    await plant({ id: 'homeless', reason: 'malformed', routingKey: null }, { id: 'fine', text: 'fine' });
    const { code, stdout, stderr } = await run('replay', '--all');
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: ['replayed 1 of 2 dead letters'] });
    expect(stderr).to.deep.equal([
      'parley: homeless at place 1: nothing says what routing key it was published with',
      'parley: 1 cannot be replayed and stay',
    ]);
    expect(idsOf(await list())).to.deep.equal(['homeless']);
  });

  it('go through what was there once, in several passes, though what they replay comes back', async () => {
    const ids = Array.from({ length: 60 }, (_, number) => `pass-${number}`);
    // No JSON: a worker puts it away again at once.
    await plant(
      ...ids.map((id, number) =>
        number % 3 === 0
          ? { id, reason: 'misrouted' }
          : { id, reason: 'malformed', routingKey: null, headers: { 'x-parley-routing-key': chat.chatId } },
      ),
    );
    await list(); // delivered once, as the command's own first look does
    await untilThere(60);
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
    const brokers = ['consuming', 'publishing'].map(
      (name) => new AmqpConnection({ url: fleet.amqpUrl, name, logger }),
    ) as [AmqpConnection, AmqpConnection];
    await Promise.all(brokers.map((broker) => broker.start()));
    let replayed = 0;
    try {
      const missed = await replayDeadLetters(...brokers, {
        ...{ namespace: fleet.namespace, most: 60, perPass: 7 },
        isMeant: ({ reason }) => reason === 'malformed',
        pace: async () => undefined,
        onReplayed: () => {
          replayed += 1;
        },
        onUnwritable: () => expect.fail('cannot be written'),
      });
      expect({ missed, replayed }).to.deep.equal({ missed: 0, replayed: 40 });
    } finally {
      await Promise.all(brokers.map((broker) => broker.stop()));
    }
    await untilThere(60);
    const { letters } = await list('--limit', '100');
    const at = (reason: string) =>
      letters.filter((letter) => letter.reason === reason).map(({ messageId }) => messageId);
    expect(at('misrouted')).to.deep.equal(ids.filter((_, number) => number % 3 === 0));
    // Each of them has come back, and so each had gone out.
    expect(at('malformed')).to.have.members(ids.filter((_, number) => number % 3 !== 0));
    const again = await succeeds('show', 'pass-1');
    expect(again.join('\n')).to.not.include('planted as');
  });

  it('lose nothing when a replay is killed half way, and double nothing when it is run again', async () => {
    const ids = Array.from({ length: 60 }, (_, number) => `half-${number}`);
    await plant(...ids.map((id) => ({ id, text: id })));
    const replaying = await startProcess({
      args: ['dead-letters', 'replay', '--all', '--rate', '20'],
      env: { ...env() },
    });
    await receiptOf('half-10');
    expect(await replaying.kill()).to.deep.equal({ code: null, signal: 'SIGKILL' });
    const left = await eventually(
      async () => {
        const { messageCount } = await channel.checkQueue(queue);
        const done = await fleet.query(`SELECT 1 FROM receipts WHERE command_id LIKE 'half-%'`);
        return messageCount + done.length >= ids.length ? messageCount : null;
      },
      { within, what: 'every letter is there or done' },
    );
    expect(left).to.be.within(1, 55);
    await succeeds('replay', '--all');
    for (const id of ids) expect(await receiptOf(id)).to.deep.include({ status: 'accepted' });
    const said = (await bodies()).filter((text) => text.startsWith('half-'));
    expect([...said].sort()).to.deep.equal([...ids].sort());
    expect(said).to.deep.equal(ids);
    await untilThere(0);
  });
});
