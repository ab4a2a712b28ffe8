import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { build } from 'esbuild';
import { projectFolder } from '../../../support/services/services.js';

/** The promise of the documentation. */
const GZIP_MAX_BYTES = 15 * 1024;

describe('The bundle of the realtime client', () => {
  it('has at most 15 KB after gzip, needs no library and no Node module', async function () {
    this.timeout(30_000);
    const { outputFiles, metafile } = await build({
      entryPoints: [join(projectFolder, 'packages/client/dist/client/realtime/public.js')],
      // An import that the browser cannot resolve would be an error.
      ...{ bundle: true, minify: true, format: 'esm', platform: 'browser', write: false, metafile: true },
    });
    const [bundle] = outputFiles;
    const bytes = gzipSync(bundle?.contents ?? '', { level: 9 }).length;
    expect(bytes).to.be.below(GZIP_MAX_BYTES).and.above(1_000);
    const others = Object.keys(metafile.inputs).filter((path) => !path.includes('/client/realtime/'));
    expect(others.map((path) => path.replace(/.*\/dist\//, ''))).to.deep.equal([
      'contract/messages/chatless-events.js',
      'contract/realtime/protocol.js',
    ]);
  });

  it('is what a clone exports as parley/realtime', async () => {
    // A string that the compiler does not resolve: it would take the sources.
    const entry: string = 'parley/realtime';
    const exported = (await import(entry)) as object;
    const { connectRealtime } = await import('../../../../src/client/realtime/realtime-client.js');
    expect(exported).to.have.property('connectRealtime', connectRealtime);
  });
});
