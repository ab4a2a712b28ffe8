import { expect } from 'chai';
import { liveQueue, MAX_MESSAGE_BYTES, names, topology } from '../../../src/contract/messages/topology.js';

const settings = {
  namespace: 'chat',
  partitions: 12,
  dispatchQueues: [{ name: 'chat.dispatch', bindings: ['#'] }],
  dispatchMaxBytes: 2 ** 30,
};

describe('The topology', () => {
  const { exchanges, queues, bindings } = topology(settings);

  it('has the exchange for producers, the hash exchange behind it, and the exchanges for events and their copies', () => {
    expect(exchanges).to.deep.equal([
      { name: 'chat.commands', type: 'topic' },
      { name: 'chat.commands.by-chat', type: 'x-consistent-hash' },
      { name: 'chat.events', type: 'topic' },
      { name: 'chat.live', type: 'topic' },
    ]);
  });

  it('has one command queue per partition, with at-least-once dead-lettering and a single active consumer', () => {
    const commandQueues = queues.filter(({ name }) => name.startsWith('chat.commands.p'));
    expect(commandQueues.map(({ name }) => name)).to.deep.equal(
      Array.from({ length: 12 }, (_, index) => `chat.commands.p${index}`),
    );
    for (const queue of commandQueues)
      expect(queue.arguments).to.deep.equal({
        'x-queue-type': 'quorum',
        'x-single-active-consumer': true,
        'x-delivery-limit': 1_000_000,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': 'chat.dead-letters',
      });
  });

  it('limits the dispatch queue in bytes and refuses further events', () => {
    expect(queues.find(({ name }) => name === 'chat.dispatch')?.arguments).to.deep.equal({
      'x-queue-type': 'quorum',
      'x-delivery-limit': 1_000_000,
      'x-max-length-bytes': 1_073_741_824,
      'x-overflow': 'reject-publish',
    });
  });

  it('gives a reader of the live feed a bounded queue that drops its oldest copies', () => {
    expect(liveQueue('chat', 'x')).to.deep.equal({
      name: 'chat.live.x',
      arguments: { 'x-max-length-bytes': 33_554_432, 'x-overflow': 'drop-head' },
    });
  });

  it('keeps dead letters in a quorum queue, and has no other queue', () => {
    expect(queues.find(({ name }) => name === 'chat.dead-letters')?.arguments).to.deep.equal({
      'x-queue-type': 'quorum',
      'x-delivery-limit': 1_000_000,
    });
    expect(queues).to.have.length(12 + 2);
  });

  it('binds the command queues in numeric order with weight 1, and the exchange for producers last', () => {
    const ring = bindings.filter(({ source }) => source === 'chat.commands.by-chat');
    expect(ring).to.deep.equal(
      Array.from({ length: 12 }, (_, index) => ({
        source: 'chat.commands.by-chat',
        destination: `chat.commands.p${index}`,
        destinationType: 'queue',
        routingKey: '1',
      })),
    );
    expect(bindings.at(-1)).to.deep.equal({
      source: 'chat.commands',
      destination: 'chat.commands.by-chat',
      destinationType: 'exchange',
      routingKey: '#',
    });
    expect(bindings.filter(({ source }) => source === 'chat.commands')).to.have.length(1);
  });

  it('binds only what it declares, and each object once', () => {
    const declared = [...exchanges, ...queues].map(({ name }) => name);
    expect(new Set(declared)).to.have.property('size', declared.length);
    for (const { source, destination } of bindings) expect(declared).to.include.members([source, destination]);
  });

  it('binds each dispatch queue with each of its keys', () => {
    const dispatchQueues = [
      { name: 'push', bindings: ['message.#', 'member.*.acme.*'] },
      { name: 'audit', bindings: ['#'] },
    ];
    const events = topology({ ...settings, dispatchQueues }).bindings.filter(({ source }) => source === 'chat.events');
    expect(events.map(({ destination, routingKey }) => [destination, routingKey])).to.deep.equal([
      ['push', 'message.#'],
      ['push', 'member.*.acme.*'],
      ['audit', '#'],
    ]);
  });

  it('has no dispatch queue if none is configured', () => {
    const none = topology({ ...settings, dispatchQueues: [] });
    expect(none.queues.map(({ name }) => name)).not.to.include('chat.dispatch');
    expect(none.bindings.filter(({ source }) => source === 'chat.events')).to.deep.equal([]);
  });

  it('prefixes every name with the namespace', () => {
    const { exchanges, queues } = topology({ ...settings, namespace: 'tea', dispatchQueues: [] });
    for (const { name } of [...exchanges, ...queues]) expect(name).to.match(/^tea\./);
    for (const queue of queues.filter(({ name }) => name.startsWith('tea.commands')))
      expect(queue.arguments['x-dead-letter-routing-key']).to.equal('tea.dead-letters');
    expect(names.replies('tea')).to.equal('tea.replies.');
  });

  it('limits a message to 512 KiB', () => {
    expect(MAX_MESSAGE_BYTES).to.equal(524_288);
  });
});
