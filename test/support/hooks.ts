import { constants } from 'node:os';
import { inspect } from 'node:util';
import { cleanUp } from './services/services-folder.js';
import { ensureRabbitmq } from './services/services-install.js';

/** After the last test only open handles keep the process alive. This is a defect of a test, and is reported. */
const LINGER_TIMEOUT_MS = 10_000;
const SIGNAL_EXIT_BASE = 128;

process.setSourceMapsEnabled(true);

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    cleanUp();
    process.exit(SIGNAL_EXIT_BASE + constants.signals[name]);
  });
}
process.on('exit', cleanUp);

export function mochaGlobalSetup(): void {
  const missing = ensureRabbitmq();
  if (missing === undefined) return;
  process.stderr.write(`${missing}\n`);
  process.exit(1);
}

export function mochaGlobalTeardown(): void {
  cleanUp();
  const timer = setTimeout(() => {
    process.stderr.write(`The tests ended but left open: ${process.getActiveResourcesInfo().join(', ')}\n`);
    process.exit(1);
  }, LINGER_TIMEOUT_MS);
  timer.unref();
}

/**
 * Runs a proof without mocha, and exits with its exit code; 1 if it throws. Without the exit, child processes and open
 * handles would keep the process alive.
 */
export async function runProof(proof: () => Promise<number>): Promise<never> {
  let code = 1;
  try {
    code = await proof();
  } catch (error) {
    process.stderr.write(`${inspect(error)}\n`);
  }
  process.exit(code);
}
