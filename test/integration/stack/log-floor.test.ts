/**
 * What rejected commands leave in the log goes with their receipts; everything else that the log holds stays readable
 * as before.
 */
import { expect } from 'chai';
import { v4 } from 'uuid';
import { DEFAULT_POLICY_FILE } from '../../../src/main/policy/policy-file.js';
import { eventually } from '../../support/eventually.js';
import { Fleet } from '../../support/fleet/fleet.js';

const TEST_TIMEOUT_MS = 120_000;
const WITHIN_MS = 30_000;
const REJECTED = 40;

describe('Events of rejected commands', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let fleet: Fleet;
  let chat: { chatId: string; users: string[] };

  before(async () => {
    fleet = await Fleet.create({ partitions: 2, env: { RECEIPT_RETENTION: '1s' } });
    await (await fleet.startWorker()).ready();
    await fleet.connect();
    chat = await fleet.createGroup(1);
    const [owner = ''] = chat.users;
    for (let index = 0; index < REJECTED; index += 1) {
      const data = index % 2 === 0 ? { body: '' } : { body: `message ${index}` };
      await fleet.producer.request({
        ...{ type: 'message.send', commandId: `send-${index}`, actorId: owner, chatId: chat.chatId, data },
      });
    }
  });
  after(() => fleet?.close());

  const countOf = async (where: string) => {
    const [row] = await fleet.query<{ count: number }>(
      `SELECT count(*)::int4 AS count FROM chat_events WHERE ${where}`,
    );
    return row?.count ?? 0;
  };

  it('are deleted with their receipts, and nothing else of the log is deleted', async () => {
    const others = await countOf("type <> 'command.rejected'");
    expect(await countOf("type = 'command.rejected'")).to.equal(REJECTED / 2);
    await fleet.workers[0]?.stop();
    await eventually(async () => (await countOf("at > now() - interval '1.5 seconds'")) === 0, {
      within: WITHIN_MS,
      what: 'the retention of all events is over',
    });
    // A worker prunes when it starts, and then once a minute.
    await (await fleet.startWorker()).ready();
    await eventually(async () => (await countOf("type = 'command.rejected'")) === 0, {
      within: WITHIN_MS,
      what: 'all events of rejected commands are pruned',
    });
    expect(await countOf("type <> 'command.rejected'")).to.equal(others);
  });
});

describe('The quota that ships with the policy', function () {
  this.timeout(TEST_TIMEOUT_MS);
  const LIMIT = 200;
  const WINDOW_MS = 10_000;
  const SENT = 250;
  let fleet: Fleet;

  before(async () => {
    fleet = await Fleet.create({ partitions: 1, env: { POLICY_FILE: DEFAULT_POLICY_FILE } });
    await (await fleet.startWorker()).ready();
    await fleet.connect();
  });
  after(() => fleet?.close());

  it('limits the growth of log and receipts by one user, without refusing other users', async () => {
    const startedAt = Date.now();
    const send = (actorId: string, name: string) =>
      fleet.producer.request({
        ...{ type: 'message.send', commandId: name, actorId, chatId: v4(), data: { body: '' } },
      });
    const receipts = await Promise.all(Array.from({ length: SENT }, (_, index) => send('mallory', `flood-${index}`)));
    const other = await send('alice', 'one');
    const windows = Math.ceil((Date.now() - startedAt) / WINDOW_MS);
    const limited = receipts.filter(({ reason }) => reason?.code === 'rate_limited');
    expect(SENT - limited.length).to.be.within(LIMIT, LIMIT * windows);
    expect(limited[0]?.reason).to.deep.include({
      detail: 'quota commands-per-actor: at most 200 in 10 s for each actor',
    });
    expect(other.reason?.code).to.equal('invalid');
    for (const table of ['chat_events', 'receipts']) {
      const [row] = await fleet.query<{ count: number }>(
        `SELECT count(*)::int4 AS count FROM ${table} WHERE actor_id = 'mallory'`,
      );
      expect(row?.count, table).to.equal(SENT - limited.length);
    }
  });
});
