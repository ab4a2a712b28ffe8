/** Slow batches: on a real database, with a real broker and a worker process. */
import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';
import type { TestProcess } from '../../support/fleet/processes.js';

const LIMIT_MS = 120_000;
/** Of the worker's statements, so that the test takes seconds. */
const STATEMENT_TIMEOUT_MS = 1_500;
/** Of a costly command. */
const COSTS_MS = 300;

/** The body of a message sets its cost, as if it were slow to index. */
const COST = `
  CREATE FUNCTION cost() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.body LIKE 'costs %' THEN PERFORM pg_sleep(split_part(NEW.body, ' ', 2)::float8 / 1000); END IF;
    RETURN NEW;
  END $$;
  CREATE TRIGGER cost BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION cost()`;
/** Every message takes long, whatever is in it. */
const SLOW = `
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); RETURN NEW; END $$;
  CREATE TRIGGER slow BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION slow()`;

describe('A worker whose partition gets expensive commands', function () {
  this.timeout(LIMIT_MS);
  let fleet: Fleet;
  let worker: TestProcess;
  let sent = 0;

  async function open() {
    fleet = await Fleet.create({ partitions: 1 });
    worker = await fleet.startWorker();
    await worker.ready();
    await fleet.connect();
    return { loud: await fleet.createGroup(1), quiet: await fleet.createGroup(1) };
  }
  const hurried = () => {
    const url = new URL(fleet.databaseUrl);
    url.searchParams.set('statement_timeout', String(STATEMENT_TIMEOUT_MS));
    return url.href;
  };
  /** With statements that time out early. */
  async function openHurried() {
    const groups = await open();
    await worker.stop();
    worker = await fleet.startWorker({ DATABASE_URL: hurried() });
    await worker.ready();
    return groups;
  }
  afterEach(() => fleet?.close());

  const say = ({ chatId, users }: { chatId: string; users: string[] }, body: string) => {
    sent += 1;
    const [, actorId = ''] = users;
    return fleet.producer.publish({ type: 'message.send', commandId: `s${sent}`, actorId, chatId, data: { body } });
  };
  const bodies = async ({ chatId }: { chatId: string }) =>
    (await fleet.query<{ body: string }>('SELECT body FROM messages WHERE chat_id = $1', [chatId])).length;
  const health = async () => {
    const response = await fetch(`${worker.opsUrl}/readyz`);
    return { status: response.status, text: await response.text() };
  };

  it('answers forty texts of 16 KB that are expensive to index, and their neighbour', async () => {
    const { loud, quiet } = await open();
    const began = Date.now();
    for (let number = 0; number < 20; number += 1) {
      await say(loud, 'a_'.repeat(8192));
      await say(loud, '@0x'.repeat(5461));
    }
    await say(quiet, 'hello');
    await fleet.allAnswered(60_000);
    expect(await bodies(loud)).to.equal(40);
    expect(await bodies(quiet)).to.equal(1);
    expect(Date.now() - began, 'milliseconds').to.be.below(30_000);
  });

  it('splits a batch that times out, and answers all its commands', async () => {
    const { loud, quiet } = await openHurried();
    await fleet.query(COST);
    for (let number = 0; number < 12; number += 1) await say(loud, `costs ${COSTS_MS}`);
    await say(quiet, 'hello');
    await fleet.allAnswered(60_000);
    expect(await bodies(loud)).to.equal(12);
    expect(await bodies(quiet)).to.equal(1);
  });

  it('dead-letters a command that times out alone, and answers its neighbours', async () => {
    const { loud, quiet } = await openHurried();
    await fleet.query(COST);
    await say(loud, 'before');
    const bad = `s${sent + 1}`;
    await say(loud, 'costs 60000');
    await say(loud, 'after');
    await say(quiet, 'hello');
    await eventually(() => fleet.ledger.unanswered === 1, { within: 60_000, what: 'the neighbours are answered' });
    await eventually(() => worker.stderr.some((line) => line.includes('dead-lettered') && line.includes(bad)), {
      within: 60_000,
      what: 'the command is put away',
    });
    expect(await bodies(loud)).to.equal(2);
    expect(await bodies(quiet)).to.equal(1);
  });

  it('dead-letters nothing while the whole database is slow, and answers everything afterwards', async () => {
    const { loud, quiet } = await openHurried();
    await fleet.query(SLOW);
    for (let number = 0; number < 5; number += 1) await say(loud, `text ${number}`);
    await say(quiet, 'hello');
    const timeouts = () => worker.stderr.filter((line) => line.includes('57014')).length;
    await eventually(() => timeouts() >= 4, { within: 60_000, what: 'the batch has timed out several times' });
    expect(fleet.ledger.unanswered).to.equal(6);
    await fleet.query('DROP TRIGGER slow ON messages');
    await fleet.allAnswered(60_000);
    expect(await bodies(loud)).to.equal(5);
    expect(worker.stderr.filter((line) => line.includes('dead-lettered'))).to.deep.equal([]);
  });

  it('is unready if another transaction locks its row for more than 10 s, reports the partition, and then continues at once', async () => {
    const { loud } = await open();
    const holder = new pg.Client({ connectionString: fleet.databaseUrl });
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM partitions FOR UPDATE');
      await say(loud, 'hello');
      const unready = await eventually(
        async () => {
          const { status, text } = await health();
          return status === 503 && text.includes('other transactions hold') ? text : undefined;
        },
        { within: 30_000, what: 'the worker says that it does not get on' },
      );
      expect(unready).to.match(/partition 0: other transactions hold its rows for 1\d s/);
    } finally {
      await holder.query('ROLLBACK');
      await holder.end();
    }
    await fleet.allAnswered(5_000);
    await eventually(async () => (await health()).status === 200, { within: 5_000, what: 'the worker is ready' });
    expect(worker.stderr.filter((line) => line.includes('dead-lettered'))).to.deep.equal([]);
  });
});
