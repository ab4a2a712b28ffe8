import { expect } from 'chai';
import { readReplyAddress } from '../../../src/adapters/transports/amqp/receipts/reply-address.js';
import { directReplyAddress } from '../../support/broker/direct-reply-address.js';

describe('a reply address', () => {
  const direct = 'amq.rabbitmq.reply-to.g1h2AA9yZXBseUAxMzE0NDIxNjQAAAOoAAAAAGsA44c=.o9nqCGI16/XxNiwkjRZGfg==';

  it("is RabbitMQ's direct reply-to, or a reply queue of the namespace", () => {
    expect(readReplyAddress('chat', direct)).to.deep.equal({ kind: 'direct', origin: 'reply@131442164' });
    for (const address of ['chat.replies.gateway-1', 'chat.replies.a.b', 'chat.replies.rest'])
      expect(readReplyAddress('chat', address), address).to.deep.equal({ kind: 'queue' });
    expect(readReplyAddress('chat', 'chat.replies.rest-1')).to.deep.equal({ kind: 'rest' });
  });

  it('of direct reply-to has an origin: its node, and whether every Erlang release can read its process id', () => {
    const origins = [
      { node: 'reply@1' },
      { node: 'reply@1', id: 0x7fff, serial: 0x1fff },
      { node: 'reply@2' },
      { node: 'reply@1', id: 0x8000 },
      { node: 'reply@1', serial: 0x2000 },
      { node: 'reply@1', id: 0xffffffff, serial: 0xffffffff },
    ].map((process) => readReplyAddress('chat', directReplyAddress(process)));
    const direct = (origin: string) => ({ kind: 'direct', origin });
    expect(origins).to.deep.equal(
      ['reply@1', 'reply@1', 'reply@2', 'reply@1 wide', 'reply@1 wide', 'reply@1 wide'].map(direct),
    );
  });

  it('is no other value, and no direct reply-to that RabbitMQ did not write', () => {
    const elsewhere = ['', 'chat.replies.', 'chat.replies', 'other.replies.x', 'chat.commands.p0', 'chat.dead-letters'];
    const prefix = 'amq.rabbitmq.reply-to';
    const incomplete = [prefix, `${prefix}.`, `${prefix}.garbage`, `${prefix}.garbage.x`, direct.slice(0, -1)];
    const mangled = [
      `${direct}.x`,
      ` ${direct}`,
      direct.replace('.o9', '..o9'),
      direct.replace('.g1h2', '.'),
      direct.replace('g1h2', 'g1h3'),
      direct.replace('g1h2', 'AAAA'),
      direct.replace('AA9y', 'AP9y'),
      direct.replace('ZXBs', 'eeee'),
    ];
    expect(mangled).not.to.include(direct);
    for (const address of [...elsewhere, ...incomplete, ...mangled])
      expect(readReplyAddress('chat', address), address).to.equal(null);
  });
});
