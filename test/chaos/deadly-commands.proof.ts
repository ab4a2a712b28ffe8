import amqp, { type ChannelModel, type ConsumeMessage } from 'amqplib';
import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { Fleet } from '../support/fleet/fleet.js';
import { faultsOf } from '../support/fleet/ledger.js';
import type { TestProcess } from '../support/fleet/processes.js';

const MESSAGES = 600;
const DEADLY_AT = 250;
/** In batches of all commands twice, among suspects once, and alone `MAX_COMMAND_ATTEMPTS` times. */
const DEATHS = 2 + 1 + 3;
const within = 60_000;

// Six workers start for it: `npm run proof -- faults` plays it; `npm test` has the same in one process
// (crashes.test.ts).
describe('A command that kills each worker that decides it', function () {
  this.timeout(180_000);

  let fleet: Fleet;
  let connection: ChannelModel;
  const deadLettered: ConsumeMessage[] = [];

  before(async () => {
    fleet = await Fleet.create({ partitions: 2 });
  });
  after(async () => {
    await connection?.close();
    await fleet?.close();
  });

  it(`is dead-lettered after ${DEATHS} deaths, and its neighbours in every partition are accepted once, in order`, async () => {
    let worker: TestProcess = await fleet.startCrashingWorker();
    await worker.ready();
    await fleet.connect();
    connection = await amqp.connect(fleet.amqpUrl);
    const channel = await connection.createChannel();
    await channel.consume(`${fleet.namespace}.dead-letters`, (message) => message && deadLettered.push(message), {
      noAck: true,
    });
    const chats = await Promise.all(Array.from({ length: 6 }, () => fleet.createGroup(1)));
    await worker.stop();
    for (let number = 0; number < MESSAGES; number += 1) {
      const { chatId, users } = chats[number % chats.length] ?? { chatId: '', users: [] };
      const actorId = users[0] ?? '';
      const data = { body: `text ${number}` };
      const command = { type: 'message.send', commandId: `neighbour${number}`, actorId, chatId, data };
      await fleet.producer.publish(command);
      if (number !== DEADLY_AT) continue;
      const properties = { type: 'message.send', messageId: 'deadly', routingKey: chatId };
      await fleet.producer.publishRaw(Buffer.from(JSON.stringify({ actorId, chatId, data })), properties);
    }

    let deaths = 0;
    for (;;) {
      worker = await fleet.startCrashingWorker();
      const what = `it is deadLettered after ${deaths} deaths`;
      const isBuried = eventually(() => deadLettered.length > 0, { within, what }).then(() => null);
      const end = await Promise.race([worker.ended, isBuried]);
      isBuried.catch(() => undefined);
      if (end === null) break;
      expect(end.signal, worker.output).to.equal('SIGKILL');
      deaths += 1;
      expect(deaths, 'deaths').to.be.at.most(DEATHS);
    }

    expect(deaths).to.equal(DEATHS);
    // A crash loses receipts in flight.
    await fleet.allAnsweredAfterAsking();
    expect(deadLettered.map(({ properties }) => properties.messageId)).to.deep.equal(['deadly']);
    expect(deadLettered[0]?.properties.headers).to.include({
      'x-parley-reason': 'poison',
      'x-parley-detail': 'fails alone: crash',
    });
    expect(await fleet.query('SELECT 1 FROM poison_attempts')).to.deep.equal([]);
    const verdict = await fleet.ledger.close(fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
  });
});
