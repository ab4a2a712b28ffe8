/** What rejected commands leave in the log goes with their receipts; everything else that the log holds stays readable as before. */
import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet.js';

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

  it('are kept no longer than receipts, and nothing else of the log is removed', async () => {
    const others = await countOf("type <> 'command.rejected'");
    expect(await countOf("type = 'command.rejected'")).to.equal(REJECTED / 2);
    await fleet.workers[0]?.stop();
    // A worker prunes when it starts, and then once a minute.
    await (await fleet.startWorker()).ready();
    await eventually(async () => (await countOf("type = 'command.rejected'")) === 0, {
      within: WITHIN_MS,
      what: 'all events of rejected commands are pruned',
    });
    expect(await countOf("type <> 'command.rejected'")).to.equal(others);
  });
});
