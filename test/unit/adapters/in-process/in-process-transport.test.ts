import { expect } from 'chai';
import {
  DEAD_LETTERS_KEPT,
  PARTITION_QUEUE_LIMIT,
} from '../../../../src/adapters/transports/in-process/in-process-transport.js';
import { CommandUnavailable } from '../../../../src/application/ports/transport/transport.js';
import { command, Taker, transportConformance } from '../../../conformance/transport/transport-conformance.js';
import { eventually } from '../../../support/eventually.js';
import { inProcess, inProcessHarness } from './in-process-harness.js';

describe('the in-process transport', () => {
  transportConformance(inProcessHarness);

  describe('alone', () => {
    it('refuses commands of the gateway and of producers if a queue is full', async () => {
      const { transport } = inProcess(1);
      await transport.start();
      for (let count = 0; count < PARTITION_QUEUE_LIMIT; count += 1) transport.publish(command(`c${count}`, 'key'));
      expect(transport.queueDepths().get(0)).to.equal(PARTITION_QUEUE_LIMIT);
      expect(() => transport.publish(command('more', 'key'))).to.throw(CommandUnavailable);
      const request = { commandId: 'more', routingKey: 'key', body: Buffer.from('{}') };
      const refused = await transport.gateway
        .request({ type: 'message.send', authorization: null, traceparent: null, tracestate: null, ...request }, 1_000)
        .catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(CommandUnavailable);
      await transport.stop();
    });

    it('ends subscriptions when it stops, and accepts commands only while running', async () => {
      const { transport } = inProcess(1);
      expect(() => transport.publish(command('c1', 'key'))).to.throw(CommandUnavailable);
      await transport.start();
      const taker = new Taker();
      await transport.source.subscribe(0, 10, taker);
      await transport.stop();
      expect(taker.losses).to.have.length(1);
      expect(transport.health().ok).to.equal(false);
      expect(() => transport.publish(command('c1', 'key'))).to.throw(CommandUnavailable);
    });

    it('continues if an event listener fails', async () => {
      const { transport, log } = inProcess(1);
      await transport.start();
      const seen: string[] = [];
      transport.onEvent(() => {
        throw new Error('broken listener');
      });
      transport.onEvent(({ id }) => seen.push(id));
      const channel = await transport.sink.openChannel();
      const outcomes: string[] = [];
      const event = {
        id: 'e1',
        type: 't',
        routingKey: 'r',
        partitionKey: 'p',
        traceparent: null,
        tracestate: null,
        timestamp: 0,
      };
      channel.publish({ ...event, body: Buffer.from('{}') }, (outcome) => outcomes.push(outcome));
      await eventually(() => outcomes.length === 1, { within: 1_000, what: 'the outcome' });
      expect(outcomes).to.deep.equal(['confirmed']);
      expect(seen).to.deep.equal(['e1']);
      expect(log.lines.join()).to.contain('broken listener');
      await transport.stop();
    });

    it('keeps only the latest dead letters, and logs each without its body', async () => {
      const { transport, log } = inProcess(1);
      await transport.start();
      const taker = new Taker();
      await transport.source.subscribe(0, 10, taker);
      transport.publish(command('c1', 'key', { body: Buffer.from('the secret text') }));
      await eventually(() => taker.deliveries.length === 1, { within: 1_000, what: 'the command' });
      const [delivery] = taker.deliveries;
      if (delivery === undefined) throw new Error('unreachable');
      for (let count = 0; count <= DEAD_LETTERS_KEPT; count += 1)
        await transport.deadLetters.deadLetter(delivery, 'malformed', `time ${count}`);
      expect(transport.keptDeadLetters()).to.have.length(DEAD_LETTERS_KEPT);
      expect(transport.keptDeadLetters()[0]?.headers['x-parley-detail']).to.equal('time 1');
      expect(log.lines.filter((line) => line.includes('dead-lettered'))).to.have.length(DEAD_LETTERS_KEPT + 1);
      expect(log.lines.join()).not.to.contain('secret text');
      await transport.stop();
    });
  });
});
