import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Measure the usual service too, in turns with Parley. */
  usual: boolean;
  /** Measure the plumbing without the thinking too. */
  ceiling: boolean;
  rounds: number;
  /** For Parley, in each round. */
  messages: number;
  chats: number;
  inFlight: number;
  workers: number;
  partitions: number;
  /** Parley's `DECISION_PERMIT_SHARE`. */
  permitShare: string;
  /** Flags for the workers' Node. */
  nodeFlags: string[];
}

/** The default size of a run. On two slow cores the comparison takes about five minutes, the quick one about one. */
const SIZES = {
  alone: { rounds: 1, messages: 100_000, chats: 10_000 },
  comparison: { rounds: 5, messages: 50_000, chats: 4_000 },
  quick: { rounds: 3, messages: 12_000, chats: 1_000 },
};
const { alone, comparison, quick } = SIZES;

export const HELP = `Measures how many messages a second are stored and dispatched, on private services of this machine.

  npm run bench [-- options]             Parley and the usual service, in turns
  node dist/bench/send.js [options]      Parley alone, or both with --usual

  --usual            compare with the service that people write first (bench/usual.ts), on the same PostgreSQL and RabbitMQ
  --ceiling          compare with Parley's own plumbing without the thinking (bench/ceiling.ts): same queues, rows and batches
  --rounds N         rounds, each with both in turn; figures are medians over them
                     (default: ${comparison.rounds} with --usual, else ${alone.rounds})
  --messages N       messages a round for Parley; the usual service gets a quarter
                     (default: ${comparison.messages} with --usual, else ${alone.messages})
  --chats N          chats, picked by Zipf 1.0 (default: ${comparison.chats} with --usual, else ${alone.chats})
  --quick            ${quick.rounds} rounds, ${quick.messages} messages, ${quick.chats} chats where these are not given: about a minute, good for a
                     glance only
  --in-flight N      commands without a receipt at any time (default: 4000)
  --workers N        worker processes (default: 1)
  --partitions N     command queues (default: 8)
  --permit-share N   how many of the permits the decision log keeps, 0 to 1 (default: 0.01)
  --profile FOLDER   each worker writes a CPU profile (V8's format) into this folder
  --node-flags FLAGS flags for the workers' Node, separated by blanks
  --help

Exits with 1 where a ledger did not close: a round in which a command was not stored, an event not dispatched, or one of Parley's
not in its chat's order, is void.
`;

/** Null: help was asked for. Throws with one line on anything it does not know. */
export function readOptions(args: string[]): BenchOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      usual: { type: 'boolean', default: false },
      ceiling: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      messages: { type: 'string' },
      chats: { type: 'string' },
      'in-flight': { type: 'string', default: '4000' },
      workers: { type: 'string', default: '1' },
      partitions: { type: 'string', default: '8' },
      'permit-share': { type: 'string', default: '0.01' },
      profile: { type: 'string' },
      'node-flags': { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const size = values.quick ? quick : values.usual || values.ceiling ? comparison : alone;
  const positive = (name: string, text: string) => {
    if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number above 0`);
    return Number(text);
  };
  return {
    usual: values.usual,
    ceiling: values.ceiling,
    rounds: positive('rounds', values.rounds ?? String(size.rounds)),
    messages: positive('messages', values.messages ?? String(size.messages)),
    chats: positive('chats', values.chats ?? String(size.chats)),
    inFlight: positive('in-flight', values['in-flight']),
    workers: positive('workers', values.workers),
    partitions: positive('partitions', values.partitions),
    permitShare: values['permit-share'],
    nodeFlags: [
      ...values['node-flags'].split(' ').filter((flag) => flag !== ''),
      ...(values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]),
    ],
  };
}
