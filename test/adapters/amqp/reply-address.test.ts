import { expect } from 'chai';
import { isReplyAddress } from '../../../src/adapters/amqp/reply-address.js';

describe('a reply address', () => {
  const direct = 'amq.rabbitmq.reply-to.g1h2AA9yZXBseUAxMzE0NDIxNjQAAAOoAAAAAGsA44c=.o9nqCGI16/XxNiwkjRZGfg==';

  it("is RabbitMQ's direct reply-to, or a queue of the namespace's replies", () => {
    for (const address of [direct, 'chat.replies.gateway-1', 'chat.replies.a.b'])
      expect(isReplyAddress('chat', address), address).to.equal(true);
  });

  it('is nothing else, and no direct reply-to that RabbitMQ did not write', () => {
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
      expect(isReplyAddress('chat', address), address).to.equal(false);
  });
});
