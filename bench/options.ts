import { parseArgs } from 'node:util';
import { BODY_KINDS, type BodyKind } from './population/bodies.js';
import { readSettings } from './running/given-settings.js';

export const WORKLOADS = {
  W1: 'steady: sends to few busy and many quiet chats',
  W2: 'hot chat: one takes half',
  W3: 'mixed: send, edit, react, read, delete 60/10/15/12/3 %',
  W4: 'dirty: 10 % repeats, 5 % refused, 1 % invalid',
  W5: 'backlog: drain what has waited',
  W6: 'readers: W1 at 50 % and 80 % load with history, list and search reads',
  W7: 'quiet: W1 at 100/s, 300/s and 500/s, where each command is nearly a batch of its own',
} as const;
export type WorkloadName = keyof typeof WORKLOADS;
const WORKLOAD_NAMES = Object.keys(WORKLOADS) as WorkloadName[];

/** The subjects that W1 runs on in addition to Parley. */
export const COMPARED = ['ceiling', 'naive', 'usual'] as const;
export type Compared = (typeof COMPARED)[number];

/** Another message core, measured in turns with Parley's W1. */
export const PEERS = ['ejabberd'] as const;
export type PeerName = (typeof PEERS)[number];

/** The second Parley, with `--live`. */
export const LIVE_TITLE = 'Parley with a live reader';

/** Produce → dispatch is measured at this rate, and at shares of Parley's throughput. */
export const STEADY_RATE = 1_750;

/** The rates of W7. */
export const QUIET_RATES = [100, 300, 500] as const;

export interface BenchOptions {
  only: ReadonlySet<WorkloadName>;
  compared: readonly Compared[];
  /** Null: none. */
  peer: PeerName | null;
  /** W1 also on a second Parley whose live feed has a reader. */
  live: boolean;
  /** Without open loops and without measuring the disk. */
  closed: boolean;
  rounds: number;
  /** Commands per round for Parley. */
  messages: number;
  chats: number;
  bodies: BodyKind;
  /** Folder with the logs of a real chat. */
  ircFolder: string;
  /** Seconds of each open loop per round. */
  seconds: number;
  /** Number of waiting commands in W5. */
  backlog: number;
  inFlight: number;
  workers: number;
  partitions: number;
  /** Parley's `DECISION_SAMPLE_RATE`. */
  sampleRate: string;
  /** An installed PostgreSQL for everything, by its version or its folder; null: the embedded one. */
  postgres: string | null;
  /** Settings of PostgreSQL that differ from the defaults. */
  settings: Readonly<Record<string, string>>;
  /** Settings of Parley's workers: environment variables. */
  workerSettings: Readonly<Record<string, string>>;
  /** SQL for the database that all subjects get a copy of; null: none. */
  prepare: string | null;
  /** Folder of the report; null: no report. */
  reports: string | null;
  /** Folder of the workers' CPU profiles; null: none. */
  profile: string | null;
  /** Options of Node for the workers. */
  nodeFlags: string[];
}

const FULL = { rounds: 5, messages: 50_000, chats: 100_000, seconds: 15, backlog: 200_000, 'in-flight': 4_000 };
const QUICK = { rounds: 3, messages: 4_000, chats: 1_000, seconds: 2, backlog: 6_000, 'in-flight': 1_000 };
const DEFAULT_IRC_FOLDER = '../shared/data/irc';

export const HELP = `Measures Parley in turns with other systems, on private services of this machine, and writes a report.

  npm run bench [-- options]             everything, in about half an hour on two quiet cores
  npm run bench -- --quick               everything in small, in under three minutes: for a first look only

${WORKLOAD_NAMES.map((name) => `  ${name}  ${WORKLOADS[name]}`).join('\n')}

  --only W1,W3       only these workloads, and W1 on Parley, which the others are compared with
  --closed           only the closed loop of W1: no latency at steady rates, no bytes on disk
  --alone            only Parley, without the ceiling and the naive service
  --usual            also compare with the usual service, on \`pg\` without an ORM
  --live             also W1 on a second Parley whose live feed has a reader: the cost of its copies
  --peer ejabberd    also compare W1 with ejabberd, if installed (Debian: ejabberd, erlang-p1-pgsql)
  --rounds N         rounds; in each, all systems in turn; figures are medians over them (default: ${FULL.rounds})
  --messages N       commands per round for Parley; slower services get fewer (default: ${FULL.messages})
  --chats N          groups of 2, 10, 100 and 1,000 members, picked by Zipf 1.0 (default: ${FULL.chats})
  --bodies KIND      mix: median 200 bytes, p95 2,000 (default); flat: 200 each; irc: lengths of a real chat
  --irc FOLDER       the logs of that chat (default: ${DEFAULT_IRC_FOLDER})
  --seconds N        duration of each open loop in each round (default: ${FULL.seconds})
  --backlog N        waiting commands in W5 (default: ${FULL.backlog})
  --quick            other defaults: ${QUICK.rounds} rounds, ${QUICK.messages} messages, ${QUICK.chats} chats,
                     ${QUICK.seconds} seconds, a backlog of ${QUICK.backlog}, ${QUICK['in-flight']} in flight
  --in-flight N      commands without a receipt at any time (default: ${FULL['in-flight']})
  --workers N        worker processes (default: 1)
  --partitions N     command queues (default: 8)
  --permit-share N   share of the permits in the decision log, 0 to 1 (default: 0.01)
  --postgres NAMED   an installed PostgreSQL with its default settings instead of the embedded one: its version
                     (15: Debian's), or the folder of its programs
  --set NAME=VALUE   a setting of PostgreSQL for all systems; may be repeated (shared_buffers=4GB)
  --worker NAME=VALUE  a setting of Parley's workers; may be repeated (SEARCH=off)
  --prepare SQL      run on the database that all systems get a copy of: to try an index or a setting of a table
  --reports FOLDER   folder of the report (default: bench/reports); none: no report
  --profile FOLDER   each worker writes a CPU profile (V8's format) into this folder, and a flame graph of it
  --node-flags FLAGS options of Node for the workers, separated by blanks
  --help

Exits with 1 if a ledger did not close: such a run is void, whatever its speed. The report lists missed goals.
`;

/** Null: help was asked for. Throws an error of one line for unknown options and values. */
export function readOptions(args: string[]): BenchOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', default: WORKLOAD_NAMES.join() },
      alone: { type: 'boolean', default: false },
      closed: { type: 'boolean', default: false },
      usual: { type: 'boolean', default: false },
      live: { type: 'boolean', default: false },
      peer: { type: 'string' },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      messages: { type: 'string' },
      chats: { type: 'string' },
      bodies: { type: 'string', default: 'mix' },
      irc: { type: 'string', default: DEFAULT_IRC_FOLDER },
      seconds: { type: 'string' },
      backlog: { type: 'string' },
      'in-flight': { type: 'string' },
      workers: { type: 'string', default: '1' },
      partitions: { type: 'string', default: '8' },
      'permit-share': { type: 'string', default: '0.01' },
      postgres: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
      worker: { type: 'string', multiple: true, default: [] },
      prepare: { type: 'string' },
      reports: { type: 'string', default: 'bench/reports' },
      profile: { type: 'string' },
      'node-flags': { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const size = values.quick ? QUICK : FULL;
  const sized = (name: keyof typeof FULL) => positive(name, values[name] ?? String(size[name]));
  const compared: Compared[] = values.alone ? [] : ['ceiling', 'naive'];
  return {
    only: new Set(values.only.split(',').map((name) => oneOf('only', name, WORKLOAD_NAMES))),
    compared: values.usual ? [...compared, 'usual'] : compared,
    peer: values.peer === undefined ? null : oneOf('peer', values.peer, PEERS),
    live: values.live,
    closed: values.closed,
    rounds: sized('rounds'),
    messages: sized('messages'),
    chats: sized('chats'),
    bodies: oneOf('bodies', values.bodies, BODY_KINDS),
    ircFolder: values.irc,
    seconds: sized('seconds'),
    backlog: sized('backlog'),
    inFlight: sized('in-flight'),
    workers: positive('workers', values.workers),
    partitions: positive('partitions', values.partitions),
    sampleRate: values['permit-share'],
    postgres: values.postgres ?? null,
    settings: readSettings('set', values.set),
    workerSettings: readSettings('worker', values.worker),
    prepare: values.prepare ?? null,
    reports: values.reports === 'none' ? null : values.reports,
    profile: values.profile ?? null,
    nodeFlags: [
      ...values['node-flags'].split(' ').filter((flag) => flag !== ''),
      ...(values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`]),
    ],
  };
}

function positive(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number above 0`);
  return Number(text);
}

function oneOf<Name extends string>(option: string, given: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === given);
  if (found === undefined) throw new Error(`--${option} knows ${names.join(', ')}; not ${given}`);
  return found;
}
