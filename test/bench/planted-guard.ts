/**
 * Runs the guard of what a command costs with a worker that burns 100 µs more a command: it has to fail, for that
 * reason and no other.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MOCHA = fileURLToPath(new URL('../../../node_modules/mocha/bin/mocha.js', import.meta.url));
const GUARD = fileURLToPath(new URL('./guard.test.js', import.meta.url));

const { status, stdout } = spawnSync(process.execPath, [MOCHA, GUARD], {
  env: { ...process.env, PARLEY_GUARD_PLANTED: 'yes' },
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
process.stdout.write(stdout);
const isCaught = status === 1 && stdout.includes('out of bounds each time');
console.log(isCaught ? 'caught: the guard fails where the worker is slower' : 'NOT caught');
if (!isCaught) process.exitCode = 1;
