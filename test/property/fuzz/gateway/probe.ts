/**
 * Preloaded into a gateway (`node --import`). Prints a line for each time that its event loop stood still, and on
 * SIGUSR2 what it still holds after a garbage collection: the resident memory says little, because it follows the
 * garbage.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HELD_LINE, STALL_LINE } from './probe-lines.js';

const TICK_MS = 10;
const US_PER_MS = 1_000;
const BYTES_PER_KIB = 1_024;
/** The longest time that an input may hold up a gateway. */
const STALL_MS = 100;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

let last = performance.now();
let before = process.cpuUsage();
setInterval(() => {
  const now = performance.now();
  const { user, system } = process.cpuUsage(before);
  const [stoodMs, cpuMs] = [now - last, (user + system) / US_PER_MS];
  // Processor time must have passed too: the machine is shared, and a process that waits for a processor stands still.
  if (stoodMs > STALL_MS && cpuMs > STALL_MS)
    process.stderr.write(`${STALL_LINE} for ${stoodMs.toFixed(0)} ms (${cpuMs.toFixed(0)} ms of processor time)\n`);
  last = now;
  before = process.cpuUsage();
}, TICK_MS).unref();

process.on('SIGUSR2', () => {
  gc();
  const { heapUsed, external } = process.memoryUsage();
  process.stderr.write(`${HELD_LINE} ${Math.round((heapUsed + external) / BYTES_PER_KIB)} KiB\n`);
  // The collection is not the fault of an input.
  last = performance.now();
  before = process.cpuUsage();
});
