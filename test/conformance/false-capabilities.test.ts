import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { projectFolder } from '../support/services/services.js';

const TEST_TIMEOUT_MS = 120_000;
/** The cases that need a capability name it at the end of their title. */
const OF_CAPABILITIES = '\\((durable|shared|search|returnsUnroutable|refusesWhenFull|liveFeed)\\)$';

describe('The conformance suites', function () {
  this.timeout(TEST_TIMEOUT_MS);

  it('fail for each declared capability that is not there', () => {
    const suites = fileURLToPath(new URL('false-capabilities.js', import.meta.url));
    const mocha = join(projectFolder, 'node_modules', 'mocha', 'bin', 'mocha.js');
    const args = [mocha, '--no-config', '--reporter', 'json', '--grep', OF_CAPABILITIES, suites];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: projectFolder });
    const { passes, failures } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, { title: string }[]>;
    expect(passes?.map(({ title }) => title)).to.deep.equal([]);
    expect(failures).to.have.length(8);
  });
});
