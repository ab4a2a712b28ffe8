/**
 * First figures: messages stored and dispatched per second, on private services of this machine, by one worker process.
 *
 * Closed loop: a number of commands is kept in flight; 200-byte bodies, many chats, Zipf 1.0. The ledger is checked: every command accepted,
 * every event dispatched, per chat in order; a run that does not close is void and exits 1.
 *
 * Usage: node dist/bench/send.js [--messages 100000] [--in-flight 4000] [--chats 10000] [--workers 1] [--partitions 8]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import amqp from 'amqplib';
import cliProgress from 'cli-progress';
import pg from 'pg';
import { v4 } from 'uuid';
import { startPostgres } from '../src/infrastructure/embedded/postgres-server.js';
import { startRabbitmq } from '../src/infrastructure/embedded/rabbitmq-node.js';
import { freePort } from '../src/infrastructure/free-port.js';
import { migrate } from '../src/infrastructure/migrations.js';
import { startWorkerProcess, type WorkerProcess } from './worker-process.js';
import { zipf } from './zipf.js';

const BODY_BYTES = 200;
/** Linux counts processor time in hundredths of a second. */
const CLOCK_TICKS = 100;
const SENDERS = 2;
/** The usual service is slower: it gets one of so many messages. */
const USUAL_SHARE = 4;
const NAMESPACE = 'bench';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    'in-flight': { type: 'string', default: '4000' },
    chats: { type: 'string', default: '10000' },
    workers: { type: 'string', default: '1' },
    partitions: { type: 'string', default: '8' },
    /** Write a CPU profile of each worker (V8's format) into this folder. */
    profile: { type: 'string' },
    /** Flags for the worker's Node, separated by blanks; for comparing. */
    'node-flags': { type: 'string', default: '' },
    /** Measure the usual service too, in the same run. */
    usual: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(
    'node dist/bench/send.js [--messages N] [--in-flight N] [--chats N] [--workers N] [--partitions N] [--profile FOLDER] [--node-flags FLAGS] [--usual]',
  );
  process.exit(0);
}
const messages = Number(values.messages);
const chats = Array.from({ length: Number(values.chats) }, () => v4());
const inFlightMax = Number(values['in-flight']);
const chatCount = Number(values.chats);
const workerCount = Number(values.workers);

const folder = mkdtempSync(join(tmpdir(), 'parley-bench-'));
const postgres = await startPostgres({ folder: join(folder, 'postgres') });
const rabbitmq = await startRabbitmq({ folder: join(folder, 'rabbitmq'), port: 0 });
const workers: WorkerProcess[] = [];
try {
  await migrate({ url: postgres.url, folder: 'prisma/migrations' });
  for (let index = 0; index < workerCount; index += 1)
    workers.push(
      await startWorkerProcess(
        {
          DATABASE_URL: postgres.url,
          AMQP_URL: rabbitmq.url,
          CHAT_NAMESPACE: NAMESPACE,
          COMMAND_PARTITIONS: values.partitions,
          OPS_PORT: String(await freePort()),
          LOG_LEVEL: 'warn',
        },
        [
          ...values['node-flags'].split(' ').filter((flag) => flag !== ''),
          ...(values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]),
        ],
      ),
    );
  const parley = await run('parley', messages);
  console.log(parley.table);
  if (!parley.isClosed) process.exitCode = 1;
  if (values.usual) {
    for (const worker of workers.splice(0)) await worker.stop();
    const usual = await startUsualService();
    try {
      const compared = await run('usual', Math.ceil(messages / USUAL_SHARE));
      console.log(`\nThe usual service on the same machine, queues and tables\n${compared.table}`);
      console.log(`\nParley ÷ usual service  ${(parley.perSecond / compared.perSecond).toFixed(2)}`);
    } finally {
      usual.kill('SIGTERM');
    }
  }
} finally {
  for (const worker of workers) await worker.stop();
  await rabbitmq.stop();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** The service that people write first (usual.ts), on the chats that Parley has created. */
async function startUsualService(): Promise<ChildProcess> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query('CREATE SEQUENCE usual_position START 1000000000');
  await client.end();
  const child = spawn(process.execPath, [fileURLToPath(new URL('./usual.js', import.meta.url))], {
    env: {
      DATABASE_URL: postgres.url,
      AMQP_URL: rabbitmq.url,
      CHAT_NAMESPACE: NAMESPACE,
      COMMAND_PARTITIONS: values.partitions,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

interface Outcome {
  table: string;
  isClosed: boolean;
  perSecond: number;
}

async function run(service: 'parley' | 'usual', messages: number): Promise<Outcome> {
  const connection = await amqp.connect(rabbitmq.url);
  const channel = await connection.createConfirmChannel();
  const actor = (chat: string, index: number) => `u${index}-${chat.slice(0, 8)}`;
  const sentAt = new Map<string, number>();
  const answered = { accepted: 0, rejected: 0 };
  let wake: () => void = () => undefined;
  let inFlight = 0;
  await channel.consume(
    'amq.rabbitmq.reply-to',
    (message) => {
      if (message === null) return;
      inFlight -= 1;
      if (message.content.includes('"status":"accepted"')) answered.accepted += 1;
      else answered.rejected += 1;
      wake();
    },
    { noAck: true },
  );
  const publish = async (chatId: string, type: string, commandId: string, actorId: string, data: unknown) => {
    while (inFlight >= inFlightMax)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    inFlight += 1;
    const isWritable = channel.publish(
      `${NAMESPACE}.commands`,
      chatId,
      Buffer.from(JSON.stringify({ actorId, chatId, data })),
      {
        type,
        messageId: commandId,
        contentType: 'application/json',
        persistent: true,
        replyTo: 'amq.rabbitmq.reply-to',
      },
    );
    if (!isWritable) await new Promise((resolve) => channel.once('drain', resolve));
  };
  const allAnswered = async () => {
    while (inFlight > 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };

  if (service === 'parley') console.error(`creating ${chatCount} chats`);
  for (const chatId of service === 'parley' ? chats : [])
    await publish(chatId, 'chat.create', `c-${chatId}`, actor(chatId, 0), {
      kind: 'group',
      memberIds: [actor(chatId, 1)],
    });
  await allAnswered();
  if (answered.rejected > 0) throw new Error(`${answered.rejected} chats were not created`);

  const dispatched = { count: 0, reordered: 0 };
  const last = new Map<string, number>(chats.map((chatId) => [chatId, 1]));
  const latencies: number[] = [];
  const dispatchConnection = await amqp.connect(rabbitmq.url);
  const dispatchChannel = await dispatchConnection.createChannel();
  await dispatchChannel.prefetch(1000);
  await dispatchChannel.purgeQueue(`${NAMESPACE}.dispatch`);
  let unacknowledged = 0;
  await dispatchChannel.consume(`${NAMESPACE}.dispatch`, (message) => {
    if (message === null) return;
    const id = String(message.properties.messageId);
    const chatId = id.slice(0, 36);
    const sequence = Number(id.slice(37));
    const expected = (last.get(chatId) ?? 0) + 1;
    // The usual service does not promise an order: what it publishes is only counted.
    if (sequence === expected || service === 'usual') {
      last.set(chatId, sequence);
      dispatched.count += 1;
    } else if (sequence > expected) dispatched.reordered += 1;
    const commandId = /"commandId":"([^"]+)"/.exec(message.content.toString('latin1'))?.[1] ?? '';
    const began = sentAt.get(commandId);
    if (began !== undefined) {
      sentAt.delete(commandId);
      latencies.push(performance.now() - began);
    }
    unacknowledged += 1;
    if (unacknowledged >= 200) {
      unacknowledged = 0;
      dispatchChannel.ack(message, true);
    }
  });

  const before = cpuSeconds();
  const stagesBefore = await stages();
  const pick = zipf(chatCount);
  const body = 'x'.repeat(BODY_BYTES);
  const bar = process.stderr.isTTY
    ? new cliProgress.SingleBar({ stream: process.stderr }, cliProgress.Presets.legacy)
    : null;
  bar?.start(messages, 0);
  const began = performance.now();
  for (let index = 0; index < messages; index += 1) {
    const chatId = chats[pick()] ?? '';
    const commandId = `${service}-${index}`;
    sentAt.set(commandId, performance.now());
    await publish(chatId, 'message.send', commandId, actor(chatId, index % SENDERS), { body });
    if (index % 1000 === 0) bar?.update(index);
  }
  await allAnswered();
  const storedMs = performance.now() - began;
  const deadline = performance.now() + 60_000;
  while (dispatched.count < messages && performance.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const dispatchedMs = performance.now() - began;
  bar?.update(messages);
  bar?.stop();
  const after = cpuSeconds();
  const stagesAfter = await stages();
  const mean = (index: number) => {
    const [from, to] = [stagesBefore[index], stagesAfter[index]];
    return from && to ? ((to.sum - from.sum) / Math.max(1, to.count - from.count)).toFixed(1) : '';
  };
  await connection.close();
  await dispatchConnection.close();

  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  const { rows } = await client.query<{ stored: number }>(
    'SELECT count(*)::int AS stored FROM receipts WHERE command_id LIKE $1',
    [`${service}-%`],
  );
  await client.end();
  latencies.sort((a, b) => a - b);
  const at = (share: number) => (latencies[Math.floor(latencies.length * share)] ?? 0).toFixed(1);
  const stored = rows[0]?.stored ?? 0;
  const isClosed =
    stored === messages && dispatched.count === messages && dispatched.reordered === 0 && answered.rejected === 0;
  const cpu = (kind: keyof typeof before) => (((after[kind] - before[kind]) / messages) * 1e6).toFixed(0);
  const lines = [
    ['messages', String(messages)],
    ['accepted and stored per second', ((messages / storedMs) * 1000).toFixed(0)],
    ['stored and dispatched per second', ((messages / dispatchedMs) * 1000).toFixed(0)],
    ['produce → dispatch under full load, p50 / p99', `${at(0.5)} / ${at(0.99)} ms`],
    ['CPU-seconds per million: worker', cpu('worker')],
    ['CPU-seconds per million: PostgreSQL', cpu('postgres')],
    ['CPU-seconds per million: RabbitMQ', cpu('rabbitmq')],
    ['commands a batch', mean(0)],
    ['a batch: reading / transaction', `${mean(1)} / ${mean(2)} ms`],
    [
      'ledger',
      isClosed
        ? 'closed'
        : `NOT closed: stored ${stored}, dispatched ${dispatched.count}, out of order ${dispatched.reordered}, rejected ${answered.rejected}`,
    ],
  ];
  const width = Math.max(...lines.map(([name = '']) => name.length));
  return {
    perSecond: (messages / dispatchedMs) * 1000,
    table: lines.map(([name = '', value = '']) => `${name.padEnd(width)}  ${value}`).join('\n'),
    isClosed,
  };
}

/** Batch size, decoding and transaction, from the first worker's metrics. */
async function stages() {
  const [worker] = workers;
  if (worker === undefined) return [];
  return [
    await worker.histogram('parley_batch_commands'),
    await worker.histogram('parley_stage_duration', 'stage="decode"'),
    await worker.histogram('parley_stage_duration', 'stage="transaction"'),
  ];
}

/** CPU-seconds used so far, by kind of process, children included. Linux only: elsewhere nothing is measured. */
function cpuSeconds(): { worker: number; postgres: number; rabbitmq: number } {
  const processes = existsSync('/proc/self/stat')
    ? readdirSync('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? [readStat(Number(pid))] : []))
    : [];
  const sum = (root: number): number =>
    processes.reduce((total, { pid, parent, seconds }) => {
      const own = pid === root ? seconds : 0;
      return total + own + (parent === root ? sum(pid) : 0);
    }, 0);
  return {
    worker: workers.reduce((total, { pid }) => total + sum(pid), 0),
    postgres: sum(postgres.pid),
    rabbitmq: sum(rabbitmq.pid),
  };
}

function readStat(pid: number): { pid: number; parent: number; seconds: number } {
  try {
    // The command's name, in parentheses, may hold anything; what follows it is separated by blanks.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? [];
    return { pid, parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS };
  } catch {
    // It has ended meanwhile.
    return { pid, parent: 0, seconds: 0 };
  }
}
