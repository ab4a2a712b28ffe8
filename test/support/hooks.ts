import { constants } from 'node:os';
import { cleanUp } from './services-folder.js';
import { ensureRabbitmq } from './services-install.js';

/** After the last test only forgotten handles keep the process alive: that is a defect of a test, and is said. */
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
