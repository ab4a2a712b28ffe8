/** The rows of the fault table that need no load and no fault in a worker: existing tests are run unchanged. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectFolder } from '../../support/services/services.js';
import type { Row } from './table.js';

export interface OtherRow {
  readonly name: string;
  readonly row: Row;
  readonly what: string;
  /** Below `dist/test`. */
  readonly files: readonly string[];
}

export interface RowOutcome extends Omit<OtherRow, 'files'> {
  /** Tests that passed. */
  schedules: number;
  faults: string[];
  seconds: number;
}

const MS_PER_S = 1_000;

export const otherRows: readonly OtherRow[] = [
  {
    name: 'tests-lost-channels',
    row: 'lost confirm, closed channel, double acknowledgement, null delivery',
    what: 'queues and exchanges deleted, channels closed by an error of the client, tags acknowledged twice or on a new channel',
    files: ['integration/amqp/lost-channels.test.js', 'integration/amqp/amqp-transport.test.js'],
  },
  {
    name: 'tests-store-errors',
    row: 'database restarted, serialization failure, deadlock, exhausted connections, no response',
    what: 'every failure of the store, by its kind',
    files: ['integration/prisma/prisma-store-errors.test.js', 'unit/application/processing/store-trouble.test.js'],
  },
  {
    name: 'tests-dead-letters',
    row: 'poison command in a batch',
    what: 'the batch is split until the command is alone; attempts are counted; the dead letter has the reason and the original message',
    files: [
      'unit/application/processing/poison.test.js',
      'unit/application/processing/crashes.test.js',
      'chaos/dead-letters.test.js',
      'chaos/deadly-commands.proof.js',
    ],
  },
  {
    name: 'tests-ownership',
    row: 'take-over and shutdown within a batch, two owners, a frozen owner',
    what: 'workers start, stop, are killed and are frozen, one after the other',
    files: [
      'chaos/ownership.test.js',
      'chaos/start-and-stop.test.js',
      'unit/application/cluster/partition-lease.test.js',
    ],
  },
  {
    name: 'tests-one-effect',
    row: 'the same command id at the same time, the same id with other content',
    what: 'the id is repeated within a batch and later, by other actors, with another type, after each kind of rejection',
    files: ['unit/application/commands/one-effect.test.js'],
  },
  {
    name: 'tests-revocation',
    row: 'member removed while sending',
    what: 'races of a removal with a message, at every await, in memory and on PostgreSQL',
    files: ['unit/policy/revocation-races.test.js'],
  },
  {
    name: 'tests-policy-away',
    row: 'policy or attributes unavailable',
    what: 'invalid rules, missing claims, no response from the store, the broker or the key set: 503, and never a permit',
    files: [
      'integration/stack/policy-reload.test.js',
      'unit/policy/enforcement.test.js',
      'unit/policy/policy-attributes.test.js',
      'unit/adapters/http/requests/problems.test.js',
    ],
  },
  {
    name: 'tests-simulation',
    row: 'clocks skewed by an hour',
    what: 'simulated stories with crashes, freezes and lost replies; the clock of one worker in five is up to an hour off',
    files: ['property/simulation/simulation.test.js'],
  },
  {
    name: 'tests-receipts',
    row: 'clocks skewed by an hour',
    what: 'two workers race for the same commands while a new period of receipts begins; a planted bug is found',
    files: ['integration/prisma/receipts/receipt-periods.test.js'],
  },
  {
    name: 'tests-full-dispatch',
    row: 'slow or absent dispatch consumer',
    what: 'a full queue refuses events; they wait in the log and are published in order',
    files: ['chaos/full-dispatch.test.js'],
  },
  {
    name: 'tests-hostile',
    row: 'hostile input',
    what: 'a receipt or a dead letter with the reason, from the decoder, a worker and a real broker; also for properties and headers',
    files: [
      'integration/amqp/hostile-messages.test.js',
      'unit/contract/decoding/any-bytes.test.js',
      'unit/contract/decoding/hostile-json.test.js',
      'unit/contract/decoding/malformed-commands.test.js',
      'unit/contract/command-properties.test.js',
      'property/fuzz/fuzz.test.js',
    ],
  },
  {
    name: 'tests-tokens',
    row: 'invalid tokens (JWT)',
    what: 'unsigned, with another algorithm, issuer, audience or key, or expired; with a secret and with a key set',
    files: [
      'unit/adapters/http/requests/authentication.test.js',
      'property/fuzz/tokens.test.js',
      'unit/application/processing/retrying-token-verifier.test.js',
    ],
  },
  {
    name: 'tests-rest',
    row: "REST: other users' ids, cursors, page sizes",
    what: "other users' data and missing data get byte-identical responses; lists are compared with a decision per row; cursors, parameters",
    files: [
      'unit/adapters/http/queries/hidden.test.js',
      'unit/adapters/http/queries/hidden-by-policy.test.js',
      'unit/policy/visible-chats.test.js',
      'unit/adapters/http/queries/cursors.test.js',
      'unit/adapters/http/queries/query-parameters.test.js',
      'unit/adapters/http/queries/sync-token.test.js',
    ],
  },
];

export async function runRow({ files, ...row }: OtherRow): Promise<RowOutcome> {
  const began = performance.now();
  const mocha = join(projectFolder, 'node_modules', 'mocha', 'bin', 'mocha.js');
  const paths = files.map((file) => join(projectFolder, 'dist', 'test', file));
  const child = spawn(process.execPath, [mocha, '--reporter', 'dot', ...paths], {
    cwd: projectFolder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes: Buffer) => {
      output += bytes.toString();
    });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const passed = Number(/^\s*(\d+) passing/m.exec(output)?.[1] ?? 0);
  const faults = code === 0 && passed > 0 ? [] : [output.trim()];
  return { ...row, schedules: passed, faults, seconds: (performance.now() - began) / MS_PER_S };
}
