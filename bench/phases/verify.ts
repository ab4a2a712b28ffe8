/** Checks the whole store at the end. The ledgers compare counts; `parley verify` examines each row. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Stage } from '../running/bench-harness.js';
import type { Step } from '../running/steps.js';

const CLI = fileURLToPath(new URL('../../src/main/cli.js', import.meta.url));
const EXPECTED_ROWS_PER_SECOND = 100_000;
const FAULTS_TOLD_MAX = 10;
/** Limit on its output. */
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;

interface Answer {
  ok: boolean;
  rows: number;
  faults: { kind: string; detail: string }[];
}

export function verifySteps(stage: Stage): Step[] {
  const { options, result, parley } = stage;
  const commands = options.messages * options.rounds;
  return [
    {
      title: 'parley verify',
      total: 1,
      seconds: 1 + commands / EXPECTED_ROWS_PER_SECOND,
      run: async () => {
        const { ok, rows, faults } = await verify(parley.databaseUrl);
        const told = faults.slice(0, FAULTS_TOLD_MAX).map(({ kind, detail }) => `${kind}: ${detail}`);
        result.verified = { rows, faults: ok ? [] : told };
      },
    },
  ];
}

/** The exit code is 1 for a faulty store; the output is complete in both cases. */
function verify(databaseUrl: string): Promise<Answer> {
  const env = { PATH: process.env.PATH ?? '', DATABASE_URL: databaseUrl };
  return new Promise((resolve, reject) =>
    execFile(
      process.execPath,
      [CLI, 'verify', '--json'],
      { env, maxBuffer: OUTPUT_MAX_BYTES },
      (error, stdout, stderr) => {
        if (stdout !== '') resolve(JSON.parse(stdout) as Answer);
        else reject(new Error(`parley verify: ${stderr || error?.message}`));
      },
    ),
  );
}
