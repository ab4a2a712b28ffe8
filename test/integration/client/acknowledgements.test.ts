import { setImmediate as turn } from 'node:timers/promises';
import { type ConsumeMessage, IllegalOperationError } from 'amqplib';
import { expect } from 'chai';
import { Acknowledgements } from '../../../src/client/acknowledgements.js';

describe('The acknowledgements of a dispatch consumer', () => {
  let told: string[];
  let acknowledgements: Acknowledgements;
  let messages: ConsumeMessage[];
  let failure: Error | null;

  beforeEach(() => {
    told = [];
    failure = null;
    acknowledgements = new Acknowledgements({
      ack: ({ fields }, allUpTo) => {
        if (failure !== null) throw failure;
        told.push(allUpTo ? `through ${fields.deliveryTag}` : `${fields.deliveryTag}`);
      },
    });
    messages = [1, 2, 3, 4, 5].map((deliveryTag) => ({ fields: { deliveryTag } }) as ConsumeMessage);
    for (const message of messages) acknowledgements.expect(message);
  });

  const dealtWith = (...tags: number[]) => {
    for (const tag of tags) acknowledgements.dealtWith(messages[tag - 1] as ConsumeMessage);
  };

  it('are combined for all events of one turn of the event loop', async () => {
    dealtWith(1, 3, 2);
    expect(told).to.deep.equal([]);
    await turn();
    expect(told).to.deep.equal(['through 3']);
    dealtWith(4, 5);
    await turn();
    expect(told).to.deep.equal(['through 3', 'through 5']);
  });

  it('omit unprocessed events, and acknowledge later ones separately', async () => {
    dealtWith(1, 3, 5);
    await turn();
    expect(told).to.deep.equal(['through 1', '3', '5']);
    dealtWith(2);
    await turn();
    expect(told).to.deep.equal(['through 1', '3', '5', 'through 2']);
  });

  it('can be flushed immediately, each once', async () => {
    dealtWith(1, 2);
    acknowledgements.flush();
    expect(told).to.deep.equal(['through 2']);
    await turn();
    expect(told).to.deep.equal(['through 2']);
  });

  it('are dropped if the channel is closed, because all is redelivered', async () => {
    failure = new IllegalOperationError('Channel closed', '');
    dealtWith(1, 2);
    acknowledgements.flush();
    await turn();
    expect(told).to.deep.equal([]);
  });
});
