import { expect } from 'chai';
import { type PostgresServer, startPostgres } from '../../src/infrastructure/embedded/postgres-server.js';
import { migrate } from '../../src/infrastructure/postgres/migrations.js';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf } from '../support/fleet/ledger.js';
import type { TestProcess } from '../support/fleet/processes.js';
import { migrationsFolder, scratchFolder } from '../support/services/services.js';
import { SteadyLoad } from './steady-load.js';

const within = 30_000;

describe('A worker whose database is stopped immediately and restarted under load', function () {
  this.timeout(90_000);
  const settings = { fsync: 'off' };
  let folder: string;
  let server: PostgresServer;
  let fleet: Fleet;
  let worker: TestProcess;

  before(async () => {
    folder = scratchFolder('restarted-postgres');
    server = await startPostgres({ folder, settings });
    await migrate({ url: server.url, folder: migrationsFolder });
    fleet = await Fleet.create({ partitions: 2, databaseUrl: server.url, keepEvents: false });
    worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
  });
  after(async () => {
    await fleet?.close();
    await server?.stop();
  });

  it('is unready meanwhile, recovers, and loses, doubles and reorders nothing', async () => {
    const chats = await Promise.all(Array.from({ length: 8 }, () => fleet.createGroup(1)));
    const load = new SteadyLoad(fleet, 'load', chats);
    await eventually(() => load.sent > 100, { within, what: 'load' });

    await server.stop('immediate');
    const sentBefore = load.sent;
    await eventually(async () => (await fetch(`${worker.opsUrl}/readyz`)).status === 503, {
      within,
      what: 'it says that it is not ready',
    });
    expect((await fetch(`${worker.opsUrl}/livez`)).status).to.equal(200);
    await eventually(() => load.sent > sentBefore + 50, { within, what: 'load while the database is away' });
    expect(fleet.ledger.unanswered).to.be.greaterThan(0);

    server = await startPostgres({ folder, settings, port: server.port });
    await worker.ready();
    await load.stop();
    await fleet.allAnsweredAfterAsking();
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    expect(verdict.receipted).to.equal(verdict.attempted);
    const rejected = await fleet.query(`SELECT 1 FROM chat_events WHERE type = 'command.rejected'`);
    expect(rejected, "our failure is nobody's rejection").to.deep.equal([]);
    expect(worker.running).to.equal(true);
  });
});
