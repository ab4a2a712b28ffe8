import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { startProcess } from '../fleet/processes.js';
import { projectFolder, scratchFolder } from './services.js';
import { SmallDisk, whyNoSmallDisk } from './small-disk.js';

const script = join(projectFolder, 'dist', 'test', 'support', 'services', 'services-child.js');

function mounted(below: string): string[] {
  const table = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return table.flatMap((line) => line.split(' ')[1] ?? []).filter((folder) => folder.startsWith(below));
}

describe('A small disk of a test', function () {
  this.timeout(30_000);
  before(function () {
    if (whyNoSmallDisk(scratchFolder('disk')) !== undefined) this.skip(); // only root may mount
  });

  it('can be filled to the last byte, and emptied', () => {
    const disk = SmallDisk.mount(join(scratchFolder('disk'), 'small'), 2);
    try {
      disk.fill();
      expect(() => writeFileSync(join(disk.folder, 'one-more'), 'x'))
        .to.throw()
        .with.property('code', 'ENOSPC');
      disk.makeRoom();
      writeFileSync(join(disk.folder, 'one-more'), 'x');
    } finally {
      disk.unmount();
    }
    expect(mounted(disk.folder)).to.deep.equal([]);
  });

  for (const signal of ['SIGINT', 'SIGKILL'] as const)
    it(`is not mounted after ${signal}${signal === 'SIGKILL' ? ', when another run begins' : ''}`, async () => {
      const temporary = scratchFolder('tmp');
      const env = { TMPDIR: temporary, TEST_INSTALL: 'never', TEST_AMQP_URL: '' };
      const run = await startProcess({ script, args: ['disk'], env });
      await run.line(/^\{/);
      expect(mounted(temporary)).to.have.length(1);
      run.send(signal);
      await run.ended;
      if (signal === 'SIGKILL') {
        const next = await startProcess({ script, args: [], env });
        await next.line(/^\{/);
        next.send('SIGTERM');
        await next.ended;
      }
      expect(mounted(temporary)).to.deep.equal([]);
      expect(existsSync(temporary)).to.equal(true);
    });
});
