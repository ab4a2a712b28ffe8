/** The rows of the fault table that need no load and no worker to be harmed: their tests are run as they stand. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectFolder } from '../support/services.js';

export interface OtherRow {
  readonly name: string;
  readonly row: string;
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
    name: 'tests-ownership',
    row: 'hand-over, frozen owner',
    what: 'workers join, stop, are killed and frozen, one after the other',
    files: ['faults/ownership.test.js', 'faults/start-and-stop.test.js'],
  },
  {
    name: 'tests-dead-letters',
    row: 'poison command in a batch',
    what: 'the dead letter says why, and holds what came',
    files: ['faults/dead-letters.test.js'],
  },
  {
    name: 'tests-lost-channels',
    row: 'confirm lost, channel closed',
    what: 'queues and exchanges deleted, channels closed by a fault of ours',
    files: ['adapters/amqp/lost-channels.test.js'],
  },
  {
    name: 'tests-store-errors',
    row: 'database',
    what: 'every failure of the store, by what it means',
    files: ['adapters/prisma/prisma-store-errors.test.js'],
  },
  {
    name: 'tests-revocation',
    row: 'member removed while sending',
    what: 'races of a removal with a message, at every await',
    files: ['policy/revocation-races.test.js'],
  },
  {
    name: 'tests-clocks',
    row: 'clocks skewed, and all of it at once',
    what: 'seeded stories of workers that die, freeze, are cut off and lose replies, in virtual time',
    files: ['simulation/simulation.test.js'],
  },
  {
    name: 'tests-hostile',
    row: 'hostile bytes',
    what: 'a receipt or a dead letter that says why',
    files: ['adapters/amqp/hostile-messages.test.js'],
  },
  {
    name: 'tests-rest',
    row: 'JWT and REST; policy or facts away',
    what: 'tokens, ids of others, cursors, outages',
    files: [
      'adapters/http/authentication.test.js',
      'adapters/http/cursors.test.js',
      'adapters/http/hidden.test.js',
      'adapters/http/problems-outages.test.js',
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
