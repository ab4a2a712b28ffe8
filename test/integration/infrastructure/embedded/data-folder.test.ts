import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { lockDataFolder } from '../../../../src/infrastructure/embedded/data-folder.js';
import { identify } from '../../../../src/infrastructure/process/process-identity.js';
import { scratchFolder } from '../../../support/services/services.js';
import { startOwner } from './owner.js';

async function refusal(folder: string): Promise<string> {
  return lockDataFolder(folder).then(
    () => 'was not refused',
    (error: Error) => error.message,
  );
}

describe('the lock of a data folder', () => {
  it('creates the folder, is granted once, and again after its release', async () => {
    const folder = join(scratchFolder('data'), 'new', 'er');
    const lock = await lockDataFolder(folder);
    expect(await refusal(folder)).to.equal(`the data folder ${folder} is in use by process ${process.pid}`);

    await lock.release();
    await lock.release();
    const again = await lockDataFolder(folder);
    await again.release();
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('is refused in one line if the folder cannot be created', async () => {
    const folder = scratchFolder('data');
    const file = join(folder, 'file');
    writeFileSync(file, '');
    expect(await refusal(file)).to.equal(`the data folder ${file} is a file: name a folder`);
    expect(await refusal(join(file, 'in'))).to.equal(`the data folder ${join(file, 'in')} cannot be made (ENOTDIR)`);
    // On Linux, creating a folder there always fails because the parent is missing.
    if (existsSync('/proc/self'))
      expect(await refusal('/proc/parley')).to.equal('the data folder /proc/parley cannot be made (ENOENT)');
  });

  it('is refused in one line that names the process that holds it', async () => {
    const folder = scratchFolder('data');
    const { child, owned } = await startOwner('lock', folder);
    expect(owned).to.deep.equal({ locked: true });
    expect(await refusal(folder)).to.equal(`the data folder ${folder} is in use by process ${child.pid}`);
    await child.kill();
  });

  it('is taken over from a killed process', async () => {
    const folder = scratchFolder('data');
    const { child } = await startOwner('lock', folder);
    await child.kill();
    const lock = await lockDataFolder(folder);
    await lock.release();
  });

  it('is taken over if the process id now belongs to another program', async () => {
    const folder = scratchFolder('data');
    const stale = { ...identify(process.pid), startedAt: 'another time', id: 'earlier' };
    writeFileSync(join(folder, 'lock'), JSON.stringify(stale));
    const lock = await lockDataFolder(folder);
    await lock.release();
  });

  it('is granted to exactly one of many that find a dead holder together', async () => {
    const folder = scratchFolder('data');
    const dead = await startOwner('lock', folder);
    await dead.child.kill();

    const contenders = await Promise.all(Array.from({ length: 8 }, () => startOwner('lock', folder)));
    const winners = contenders.filter(({ owned }) => owned.locked);
    expect(winners).to.have.length(1);
    for (const { owned } of contenders) {
      if (!owned.locked) expect(owned.refused).to.match(/is in use by process \d+$/);
    }
    await Promise.all(contenders.map(({ child }) => child.kill()));
  });

  it('is granted after successors that died during their take-over', async () => {
    const folder = scratchFolder('data');
    const gone = { pid: process.pid, startedAt: 'another time' };
    writeFileSync(join(folder, 'lock'), JSON.stringify({ ...gone, id: 'first' }));
    writeFileSync(join(folder, 'lock.after-first'), JSON.stringify({ ...gone, id: 'second' }));

    const lock = await lockDataFolder(folder);
    expect(await refusal(folder)).to.match(/in use/);
    await lock.release();
    expect(readdirSync(folder)).to.deep.equal([]);
  });
});
