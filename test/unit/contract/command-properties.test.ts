import { expect } from 'chai';
import { commandTypes, isChatless } from '../../../src/contract/messages/commands.js';
import { leastCpuMs } from './decoding/cpu-time.js';
import { bodyOf, CHAT, decoded, incoming, MESSAGE, violationPaths } from './decoding/incoming-command.js';

const send = (properties: object, body: unknown = bodyOf('message.send')) => incoming('message.send', body, properties);

describe("A command's routing key", () => {
  for (const type of commandTypes) {
    const partitionKey = isChatless(type) ? 'the actor id' : 'the chat id';
    it(`must be ${partitionKey} (${type})`, () => {
      decoded(incoming(type), 'command');
      for (const routingKey of ['', MESSAGE, 'bob', isChatless(type) ? CHAT : 'alice', CHAT.toUpperCase(), `${CHAT} `])
        expect(violationPaths(incoming(type, bodyOf(type), { routingKey })), routingKey).to.deep.equal(['routingKey']);
    });
  }
});

describe("A command's content type", () => {
  for (const contentType of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset=UTF-8'])
    it(`may be ${contentType}`, () => {
      decoded(send({ contentType }), 'command');
    });

  for (const contentType of [
    undefined,
    '',
    'text/plain',
    'application/jsonx',
    'application/json; charset=latin1',
    'x'.repeat(255),
  ])
    it(`may not be ${contentType?.slice(0, 40) ?? 'absent'}`, () => {
      expect(violationPaths(send({ contentType }))).to.deep.equal(['contentType']);
    });

  it('is checked in linear time', () => {
    const slow = () => violationPaths(send({ contentType: `application/json${' ;'.repeat(120)}` }));
    expect(slow()).to.deep.equal(['contentType']);
    expect(leastCpuMs(3, slow)).to.be.below(20);
  });
});

describe("A command's other properties", () => {
  it('must not contain a priority, which would change the order within a chat', () => {
    for (const priority of [1, 9, 255, -1, Number.NaN])
      expect(violationPaths(send({ priority }))).to.deep.equal(['priority']);
    decoded(send({ priority: 0 }), 'command');
    decoded(send({ priority: undefined }), 'command');
  });

  it('must not announce a compressed body', () => {
    for (const contentEncoding of ['gzip', 'deflate', 'utf-16'])
      expect(violationPaths(send({ contentEncoding }))).to.deep.equal(['contentEncoding']);
    for (const contentEncoding of ['', 'utf-8', 'UTF8', 'identity']) decoded(send({ contentEncoding }), 'command');
  });

  it('are reported together with faults of the body, also a wrong chat id', () => {
    const wrong = { contentType: 'text/plain', priority: 3 };
    expect(violationPaths(send(wrong, bodyOf('message.send', { body: '' })))).to.have.members([
      'contentType',
      'priority',
      'data.body',
    ]);
    expect(violationPaths(send(wrong, { ...bodyOf('message.send'), chatId: 'general' }))).to.have.members([
      'contentType',
      'priority',
      'chatId',
    ]);
  });

  it('may have any value if the contract does not define them', () => {
    const hostile = {
      replyTo: '../../etc/passwd\u0000',
      correlationId: '\ud800'.repeat(255),
      appId: '__proto__',
      userId: '',
      headers: { traceparent: { toString: 1 }, authorization: ['Bearer x'], __proto__: null, constructor: -0 },
    };
    const { command } = decoded(send(hostile), 'command');
    expect(command).to.deep.equal(decoded(send({ messageId: command.commandId }), 'command').command);
  });
});
