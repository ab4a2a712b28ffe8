/** To be loaded first (`node --import`): at its end the process writes down the most memory it has had. Linux only. */
import { readFileSync, writeFileSync } from 'node:fs';

process.once('exit', () => {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  writeFileSync(process.env.PEAK_MEMORY_FILE ?? '', kilobytes ?? '');
});
