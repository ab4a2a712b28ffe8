import { connect } from 'amqplib';
import { expect } from 'chai';
import { browseDeadLetters } from '../../../src/adapters/transports/amqp/dead-letters/browse-dead-letters.js';
import { names } from '../../../src/contract/messages/topology.js';
import { AmqpConnection } from '../../../src/infrastructure/amqp/amqp-connection.js';
import { collectedLog } from '../../support/collected-log.js';
import { rabbitmq, uniqueNamespace } from '../../support/services/services.js';

const LETTERS = 3_000;
const PASSES = 20;
const TEST_TIMEOUT_MS = 60_000;

describe('A pass over the dead letters', function () {
  this.timeout(TEST_TIMEOUT_MS);

  it('leaves all letters ready for the pass that follows at once', async () => {
    const { url } = await rabbitmq();
    const namespace = uniqueNamespace();
    const queue = names.deadLetters(namespace);
    const model = await connect(url);
    const channel = await model.createConfirmChannel();
    const connection = new AmqpConnection({ url, name: 'dead letters', logger: collectedLog().logger });
    try {
      await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      for (let index = 0; index < LETTERS; index += 1) channel.sendToQueue(queue, Buffer.from('letter'));
      await channel.waitForConfirms();
      await connection.start();
      for (let pass = 1; pass <= PASSES; pass += 1) {
        const survey = await browseDeadLetters(connection, namespace, () => undefined);
        expect(survey, `pass ${pass}`).to.deep.equal({ ready: LETTERS, seen: LETTERS });
      }
    } finally {
      await connection.stop();
      await channel.deleteQueue(queue);
      await model.close();
    }
  });
});
