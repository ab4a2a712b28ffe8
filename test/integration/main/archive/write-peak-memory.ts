/** Loaded by `node --import`: writes the peak memory of the process to a file at its end. Linux only. */
import { readFileSync, writeFileSync } from 'node:fs';

process.once('exit', () => {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  writeFileSync(process.env.PEAK_MEMORY_FILE ?? '', kilobytes ?? '');
});
