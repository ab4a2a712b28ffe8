import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../../support/eventually.js';
import { type ProcessEnd, startProcess } from '../../support/fleet/processes.js';
import { projectFolder, rabbitmq, scratchFolder } from '../../support/services/services.js';

const script = join(projectFolder, 'dist', 'test', 'property', 'fuzz', 'run.js');
/** Private services are started, on a busy machine. */
const TIMEOUT_MS = 180_000;
const END_WITHIN_MS = 30_000;
/** The exit code of a process that was ended by SIGINT. */
const INTERRUPTED = 130;
/** More inputs than fit in the time limit. */
const ENDLESS = '100000000';

describe('A fuzz run', function () {
  this.timeout(TIMEOUT_MS);

  /** In a private temporary folder, in which all leftovers are visible. */
  async function run(args: readonly string[], env: Record<string, string> = {}) {
    const temporary = scratchFolder('tmp');
    const all = { TMPDIR: temporary, TEST_INSTALL: 'never', ...env };
    const child = await startProcess({ script, args, env: all });
    const expectEnd = async (end: ProcessEnd) => {
      await eventually(() => !child.running, {
        within: END_WITHIN_MS,
        what: `the end of a run that said ${child.output}`,
      });
      expect(await child.ended, child.output).to.deep.equal(end);
      expect(readdirSync(temporary), 'is left behind').to.deep.equal([]);
    };
    return { child, expectEnd };
  }

  it('ends after its last input, and leaves no service and no folder', async () => {
    // Needs only a database.
    const { child, expectEnd } = await run(['--door', 'broker', '--inputs', '1'], {
      TEST_AMQP_URL: (await rabbitmq()).url,
    });
    await child.line(/^\d+ inputs, 0 findings$/, TIMEOUT_MS);
    await expectEnd({ code: 0, signal: null });
  });

  it('ends immediately by Ctrl-C, also while it never waits', async () => {
    const { child, expectEnd } = await run(['--door', 'decoder', '--inputs', ENDLESS]);
    await child.line(/^seed /);
    child.send('SIGINT');
    await expectEnd({ code: INTERRUPTED, signal: null });
  });

  it('reports an unavailable entry, exits with 1, and leaves nothing', async () => {
    const { child, expectEnd } = await run(['--door', 'broker', '--inputs', '1'], {
      PATH: '/nonexistent',
      TEST_AMQP_URL: '',
    });
    await child.line(/^broker: BROKEN OFF: Error: the tests need RabbitMQ/);
    await expectEnd({ code: 1, signal: null });
  });
});
