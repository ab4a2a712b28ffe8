/** The rows of the fault table that need no load and no worker to be harmed: their tests are run as they stand. */
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
    row: 'confirm lost, channel closed, double ack, null delivery',
    what: 'queues and exchanges deleted, channels closed by a fault of ours, tags acknowledged twice and of channels that have ended',
    files: ['integration/amqp/lost-channels.test.js', 'integration/amqp/amqp-transport.test.js'],
  },
  {
    name: 'tests-store-errors',
    row: 'database restarted, serialization, deadlock, pool exhausted, no answer',
    what: 'every failure of the store, by what it means',
    files: ['integration/prisma/prisma-store-errors.test.js', 'unit/application/processing/store-trouble.test.js'],
  },
  {
    name: 'tests-dead-letters',
    row: 'poison command in a batch',
    what: 'split until alone, counted, dead-lettered; the dead letter says why, and holds what came',
    files: [
      'unit/application/processing/poison.test.js',
      'unit/application/processing/crashes.test.js',
      'chaos/dead-letters.test.js',
      'chaos/deadly-commands.proof.js',
    ],
  },
  {
    name: 'tests-ownership',
    row: 'hand-over and shutdown mid-batch, two owners, a frozen owner',
    what: 'workers join, stop, are killed and frozen, one after the other',
    files: [
      'chaos/ownership.test.js',
      'chaos/start-and-stop.test.js',
      'unit/application/cluster/partition-lease.test.js',
    ],
  },
  {
    name: 'tests-one-effect',
    row: 'same id at once, same id with other content',
    what: 'again within a batch and later, by others, of another type, after each kind of refusal',
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
    row: 'policy or attributes away',
    what: 'broken rules, claims that are not there, no answer from the store, the broker or the keys: 503, and never yes',
    files: [
      'integration/stack/policy-reload.test.js',
      'unit/policy/enforcement.test.js',
      'unit/policy/policy-attributes.test.js',
      'unit/adapters/http/requests/problems.test.js',
    ],
  },
  {
    name: 'tests-simulation',
    row: 'clocks skewed an hour',
    what: 'seeded stories, in one worker of five a clock up to an hour off, with deaths, freezes and lost replies beside it',
    files: ['property/simulation/simulation.test.js'],
  },
  {
    name: 'tests-full-dispatch',
    row: 'slow or absent dispatch',
    what: 'a full queue refuses, and what waits in the log comes out of it in order',
    files: ['chaos/full-dispatch.test.js'],
  },
  {
    name: 'tests-hostile',
    row: 'hostile bytes',
    what: 'a receipt or a dead letter that says why, by the decoder, a worker and a real broker; properties and headers too',
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
    row: 'JWT: what proves nobody',
    what: 'unsigned, confused algorithms, other issuers, audiences and keys, expired; by a secret and by a key set',
    files: [
      'unit/adapters/http/requests/authentication.test.js',
      'property/fuzz/tokens.test.js',
      'unit/application/processing/retrying-token-verifier.test.js',
    ],
  },
  {
    name: 'tests-rest',
    row: "REST: others' ids, cursors, page sizes",
    what: "what is another's and what is not there are answered alike, to the byte; lists against deciding row by row; cursors, parameters",
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
