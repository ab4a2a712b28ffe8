import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';
import { freshDatabase, postgresFolder } from '../../support/services/services.js';

const SENDS = 30;
/** A batch of one command is two statements: it reads, then it writes. */
const STATEMENTS_PER_SEND = 2;
const PLAN = /duration: [\d.]+ ms {2}plan:\n((?:\t.*\n)+)/g;
/** Of every session on the database, into the server's log. */
const EXPLAIN_EVERYTHING: Record<string, string> = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
};

describe('Single sends through a worker, on the default settings of a PostgreSQL with JIT', () => {
  let fleet: Fleet;
  let server: { version: string; jit: string; canCompile: boolean };

  before(async function () {
    this.timeout(120_000);
    fleet = await Fleet.create({ partitions: 1, databaseUrl: await freshDatabase(), keepEvents: false });
    const [row] = await fleet.query<typeof server>(
      `SELECT current_setting('server_version') AS version, current_setting('jit') AS jit, pg_jit_available() AS "canCompile"`,
    );
    server = row as typeof server;
    if (!server.canCompile) this.skip(); // the embedded one: TEST_POSTGRES names another
    const name = new URL(fleet.databaseUrl).pathname.slice(1);
    for (const [setting, value] of Object.entries(EXPLAIN_EVERYTHING))
      await fleet.query(`ALTER DATABASE "${name}" SET ${setting} = '${value}'`);
    await (await fleet.startWorker()).ready();
    await fleet.connect();
  });
  after(() => fleet?.close());

  it('trigger no JIT compilation', async function () {
    this.timeout(120_000);
    expect(server.jit, 'the server would compile by default').to.equal('on');
    const { chatId, users } = await fleet.createGroup(1);
    const took: number[] = [];
    for (let number = 0; number < SENDS; number += 1) {
      const began = performance.now();
      const receipt = await fleet.producer.request({
        ...{ type: 'message.send', commandId: `send-${number}`, actorId: users[0] as string, chatId },
        data: { body: 'hello' },
      });
      took.push(performance.now() - began);
      expect(receipt.status).to.equal('accepted');
    }
    const median = took.toSorted((a, b) => a - b)[SENDS / 2] as number;
    console.log(`      PostgreSQL ${server.version}: a single send takes ${median.toFixed(1)} ms (p50 of ${SENDS})`);

    const plans = () => [...readFileSync(join(postgresFolder(), 'server.log'), 'utf8').matchAll(PLAN)].map(String);
    const ofBatches = () => plans().filter((plan) => /\bpartitions\b/.test(plan) && /\breceipts\b/.test(plan));
    const logged = () => ofBatches().length >= SENDS * STATEMENTS_PER_SEND;
    await eventually(logged, { within: 10_000, what: 'the plan of every batch in the log' });
    const compiled = plans().filter((plan) => /^\tJIT:$/m.test(plan));
    expect(compiled.map((plan) => plan.slice(0, 2_000))).to.deep.equal([]);
  });
});
