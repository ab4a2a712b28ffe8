import { expect } from 'chai';
import { startProcess } from '../../../support/fleet/processes.js';
import { HELD_LINE, STALL_LINE } from './probe-lines.js';

const PROBE = new URL('./probe.js', import.meta.url).href;
const HELD_BYTES = 32 * 1024 * 1024;
/** Stands still for 300 ms once, then holds memory. */
const PROGRAM = `
const until = performance.now() + 300;
setTimeout(() => {
  while (performance.now() < until + 300);
  globalThis.held = Buffer.alloc(${HELD_BYTES});
  setInterval(() => console.log('ready'), 20);
}, 50);
`;

describe('The probe in a fuzzed gateway', () => {
  it('tells a stall of the event loop, and what is held after a collection', async () => {
    const program = await startProcess({ script: `--import=${PROBE}`, args: ['-e', PROGRAM] });
    await program.line(new RegExp(`^${STALL_LINE} for \\d+ ms`));
    await program.line(/^ready$/);
    program.send('SIGUSR2');
    const line = await program.line(new RegExp(`^${HELD_LINE}`));
    expect(Number(/(\d+) KiB/.exec(line)?.[1])).to.be.greaterThan(HELD_BYTES / 1024);
    await program.kill();
  });
});
