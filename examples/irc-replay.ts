/**
 * Replays IRC logs through RabbitMQ: each file is a group chat, each nick a user, each line a command (see
 * irc-plan.ts).
 *
 *     node dist/examples/irc-replay.js [options] PATH…
 *
 * All files are replayed at once, each in its own order, by one producer with a window of commands in flight. At the
 * end a table accounts for every command. The exit code is 1 if a receipt or an expected event is missing.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CommandInput, CommandProducer, InvalidCommand } from '@parley-chat/client';
import type { Command, Receipt } from '@parley-chat/client/contract';
import cliProgress from 'cli-progress';
import { EventWatch } from './event-watch.js';
import { brokerUrl, runExample } from './example-program.js';
import { decodeLines, type IrcLineKind, parseLog, parseReplies } from './irc-log.js';
import { BRIDGE_USER_ID, type IrcPlan, planReplay, profileOf } from './irc-plan.js';
import { Tally } from './irc-tally.js';

const LOG_SUFFIX = '.raw.txt';
const REPLIES_SUFFIX = '.replies.txt';
/** Maximum wait for the next event, after the last receipt and after each further event. */
const EVENTS_WAIT_MS = 15_000;

const USAGE = `Replays IRC logs through RabbitMQ.

  node dist/examples/irc-replay.js [options] PATH…

The worker's policy must have no quota per actor (docs/quotas.md), since the bridge adds all members.

examples/irc has an invented log.

PATH is a log (NAME${LOG_SUFFIX}, with NAME${REPLIES_SUFFIX} beside it if there is one) or a folder of logs.

  --amqp-url URL     the broker; default: AMQP_URL, else amqp://127.0.0.1
  --namespace NAME   CHAT_NAMESPACE as set for the workers; default: chat
  --window N         commands in flight; default: 512
  --limit N          only the first N lines of each log
  --patience S       give up after S seconds without any receipt; default: 120
  --no-events        do not count events
  --help
`;

interface Options {
  amqpUrl: string;
  namespace: string;
  window: number;
  limit: number;
  patienceMs: number;
  watchesEvents: boolean;
  paths: string[];
}

/** Null on `--help`. Throws a one-line error on an invalid argument. */
function readOptions(args: string[]): Options | null {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      'amqp-url': { type: 'string' },
      namespace: { type: 'string', default: 'chat' },
      window: { type: 'string', default: '512' },
      limit: { type: 'string' },
      patience: { type: 'string', default: '120' },
      'no-events': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  if (positionals.length === 0) throw new Error('name at least one log or folder; see --help');
  const positive = (name: string, text: string) => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number above 0`);
    return Number(text);
  };
  return {
    amqpUrl: brokerUrl(values['amqp-url']),
    namespace: values.namespace,
    window: positive('window', values.window),
    limit: values.limit === undefined ? Number.POSITIVE_INFINITY : positive('limit', values.limit),
    patienceMs: positive('patience', values.patience) * 1000,
    watchesEvents: !values['no-events'],
    paths: positionals,
  };
}

function logFiles(paths: readonly string[]): string[] {
  const files = paths.flatMap((path) =>
    statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((name) => name.endsWith(LOG_SUFFIX))
          .sort()
          .map((name) => join(path, name))
      : [path],
  );
  if (files.length === 0) throw new Error(`no *${LOG_SUFFIX} there`);
  const repeated = files.find((file, index) => files.findIndex((other) => basename(other) === basename(file)) < index);
  if (repeated !== undefined)
    throw new Error(`two files are called ${basename(repeated)}, and a chat is known by its file's name`);
  return files;
}

function readPlan(file: string, limit: number, kinds: Map<IrcLineKind, number>): IrcPlan {
  const lines = parseLog(decodeLines(readFileSync(file))).slice(0, limit);
  for (const { kind } of lines) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  return planReplay(basename(file), lines, readReplies(file));
}

function readReplies(file: string): Map<number, number[]> {
  if (!file.endsWith(LOG_SUFFIX)) return new Map();
  const repliesFile = file.slice(0, -LOG_SUFFIX.length) + REPLIES_SUFFIX;
  try {
    return parseReplies(decodeLines(readFileSync(repliesFile)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw new Error(`${repliesFile}: ${(error as Error).message}`, { cause: error });
  }
}

/** Resolves when the command is published. Its receipt comes later; null if the producer has given up. */
type Publish = (command: Command) => Promise<{ receipt: Promise<Receipt | null> }>;

/** A command that the contract does not admit is not sent, and counts as rejected. */
async function submit(producer: CommandProducer, command: Command, tally: Tally): ReturnType<Publish> {
  const { type, commandId, tenantId, actorId, chatId, data } = command;
  // The data of a command fit its type; the compiler cannot see that after destructuring.
  const input = { tenantId, actorId, ...(chatId === null ? {} : { chatId }), data } as CommandInput<typeof type>;
  try {
    return await producer.submit(type, input, { commandId });
  } catch (error) {
    if (!(error instanceof InvalidCommand) || error.reason === null) throw error;
    tally.reject(error.reason.code);
    return { receipt: Promise.resolve(null) };
  }
}

/** One chat, in order. A command that refers to a message waits for its receipt; the rest of the chat waits with it. */
async function replayChat(plan: IrcPlan, publish: Publish, tally: Tally): Promise<void> {
  const receipts: Promise<Receipt | null>[] = [];
  const said = new Map<number, Promise<Receipt | null>>();
  for (const { command, line, refersTo } of plan.commands) {
    const complete = refersTo === null ? command : withReference(command, await said.get(refersTo));
    if (complete === null) {
      tally.reject('the referenced message was not accepted');
      continue;
    }
    const { receipt } = await publish(complete);
    receipts.push(receipt);
    if (command.type === 'message.send' && line !== null) said.set(line, receipt);
  }
  await Promise.all(receipts);
}

async function replayProfiles(profiles: ReadonlyMap<string, string>, publish: Publish): Promise<void> {
  const receipts: Promise<Receipt | null>[] = [];
  for (const [userId, nick] of profiles) receipts.push((await publish(profileOf(userId, nick))).receipt);
  await Promise.all(receipts);
}

/**
 * The command with the id or sequence from the receipt of the referenced message. If that message was rejected, an
 * answer is sent without `inReplyTo`, and any other command is dropped (null).
 */
function withReference(command: Command, receipt: Receipt | null | undefined): Command | null {
  const messageId = receipt?.messageId ?? null;
  const sequence = receipt?.sequence ?? null;
  if (messageId === null || sequence === null) return command.type === 'message.send' ? command : null;
  switch (command.type) {
    case 'message.send':
      return { ...command, data: { ...command.data, inReplyTo: messageId } };
    case 'message.edit':
      return { ...command, data: { ...command.data, messageId } };
    case 'message.react':
      return { ...command, data: { ...command.data, messageId } };
    case 'chat.read':
      return { ...command, data: { upTo: sequence } };
    default:
      return command;
  }
}

/** Closes the producer if the watch cannot start. */
async function watchEvents(producer: CommandProducer, ...where: Parameters<typeof EventWatch.open>) {
  try {
    return await EventWatch.open(...where);
  } catch (error) {
    await producer.close();
    throw error;
  }
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(USAGE);
    return;
  }
  const kinds = new Map<IrcLineKind, number>();
  const plans = logFiles(options.paths).map((file) => readPlan(file, options.limit, kinds));
  const profiles = new Map([[BRIDGE_USER_ID, 'IRC bridge'], ...plans.flatMap(({ users }) => [...users])]);
  const total = profiles.size + plans.reduce((sum, { commands }) => sum + commands.length, 0);
  const lines = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ');
  process.stdout.write(`${plans.length} logs (${lines}), ${profiles.size} users, ${total} commands\n`);

  const { amqpUrl: url, namespace, window, patienceMs } = options;
  const receiptTimeoutMs = Number.POSITIVE_INFINITY; // `patience` limits the whole replay, not each command
  const producer = await CommandProducer.connect({ url, namespace, appId: 'irc-replay', window, receiptTimeoutMs });
  const chatIds = plans.map(({ chatId }) => chatId);
  const events = options.watchesEvents ? await watchEvents(producer, url, namespace, chatIds) : null;
  const bar = new cliProgress.SingleBar(
    { format: '[{bar}] {percentage}% {value}/{total} commands, {duration_formatted}', stream: process.stderr },
    cliProgress.Presets.legacy,
  );
  if (process.stderr.isTTY) bar.start(total, 0);

  const tally = new Tally(total);
  const failures: Error[] = [];
  const patience = setTimeout(() => {
    failures.push(new Error(`no receipt for ${patienceMs / 1000} s`));
    void producer.close({ waitMs: 0 });
  }, patienceMs);
  const publish: Publish = async (command) => {
    const { receipt } = await submit(producer, command, tally);
    const counted = receipt.then((answer) => {
      patience.refresh();
      if (answer !== null) tally.add(answer);
      bar.increment();
      return answer;
    });
    return { receipt: counted.catch(() => null) }; // given up: the tally counts commands without a receipt
  };
  try {
    await Promise.all([replayProfiles(profiles, publish), ...plans.map((plan) => replayChat(plan, publish, tally))]);
  } catch (error) {
    failures.push(error as Error);
  }
  clearTimeout(patience);
  tally.stopClock();
  const missing = (await events?.missing(tally.expectedEvents, EVENTS_WAIT_MS)) ?? 0;
  if (process.stderr.isTTY) bar.stop();
  await producer.close();
  await events?.close();

  process.stdout.write(tally.table(producer.counters, events, missing, plans));
  const [failure] = failures;
  if (failure !== undefined) process.stderr.write(`gave up: ${failure.message}\n`);
  if (tally.unanswered > 0 || (missing > 0 && events?.isComplete === true)) process.exitCode = 1;
}

await runExample('irc-replay', main);
