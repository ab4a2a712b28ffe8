import { expect } from 'chai';
import { type CommandType, commandTypes, isChatless } from '../../../../src/contract/messages/commands.js';
import { VIOLATIONS_MAX } from '../../../../src/contract/messages/decode-command.js';
import { refusedBySchema } from '../../../property/fuzz/doors/answer-oracle.js';
import { bodyOf, CHAT, decoded, incoming, LEAST_DATA, MESSAGE, refusalOf, violationPaths } from './incoming-command.js';

const without = (body: Record<string, unknown>, field: string) => {
  const { [field]: _, ...rest } = body;
  return rest;
};

describe('A command from a producer', () => {
  for (const type of commandTypes)
    it(`is accepted as ${type} with only its required fields`, () => {
      const { command } = decoded(incoming(type, bodyOf(type), { messageId: 'c-1' }), 'command');
      expect(command).to.deep.equal({
        type,
        commandId: 'c-1',
        tenantId: 'default',
        actorId: 'alice',
        chatId: isChatless(type) ? null : CHAT,
        data: LEAST_DATA[type],
      });
    });

  it('is accepted with every optional field of a message', () => {
    const data = {
      contentType: 'text/markdown',
      inReplyTo: MESSAGE,
      threadRootId: MESSAGE,
      mentions: ['bob', 'carol'],
      attachments: [{ url: 'https://files.example/a.png', mediaType: 'image/png', size: 0, name: 'a.png' }],
      metadata: { client: { version: 3 }, tags: ['x', null, true, 1.5] },
    };
    const { command } = decoded(incoming('message.send', bodyOf('message.send', data)), 'command');
    expect(command.data).to.deep.equal({ body: 'hello', ...data });
  });

  it('mentions a user once if the list repeats them', () => {
    const data = { mentions: ['bob', 'carol', 'bob'] };
    const { command } = decoded(incoming('message.send', bodyOf('message.send', data)), 'command');
    expect(command.data).to.deep.include({ mentions: ['bob', 'carol'] });
  });

  it('may clear fields of a chat and end a mute with null', () => {
    for (const [type, data] of [
      ['chat.update', { title: null, metadata: null }],
      ['member.update', { userId: 'carol', mutedUntil: null }],
    ] as const)
      expect(decoded(incoming(type, bodyOf(type, data)), 'command').command.data).to.deep.equal(data);
  });

  it('belongs to the tenant `default` if it names none', () => {
    const { command } = decoded(incoming('message.send', without(bodyOf('message.send'), 'tenantId')), 'command');
    expect(command.tenantId).to.equal('default');
  });

  it('keeps tenant, actor and chat in its refusal', () => {
    const { identity } = decoded(
      incoming('message.send', { ...bodyOf('message.send', { body: 1 }), tenantId: 'acme' }, { messageId: 'c-2' }),
      'refused',
    );
    expect(identity).to.deep.equal({
      type: 'message.send',
      commandId: 'c-2',
      tenantId: 'acme',
      actorId: 'alice',
      chatId: CHAT,
    });
  });
});

describe('A command that does not match its schema', () => {
  it('is refused as invalid with every violation and its path', () => {
    const body = { ...bodyOf('message.send', { body: '', mentions: ['bob', '|'], colour: 'red' }), extra: 1 };
    expect(violationPaths(incoming('message.send', body))).to.have.members([
      'data.body',
      'data.mentions.1',
      'data.colour',
      'extra',
    ]);
  });

  it('is refused with unknown fields of every level', () => {
    const attachment = { url: 'https://files.example/a', mediaType: 'a/b', size: 1, name: 'a', width: 3 };
    expect(
      violationPaths(incoming('message.send', bodyOf('message.send', { attachments: [attachment] }))),
    ).to.deep.equal(['data.attachments.0.width']);
  });

  it(`is refused with at most ${VIOLATIONS_MAX} violations`, () => {
    const extras = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field${index}`, index]));
    expect(violationPaths(incoming('message.send', bodyOf('message.send', extras)))).to.have.length(VIOLATIONS_MAX);
    const few = Object.fromEntries(Object.entries(extras).slice(0, VIOLATIONS_MAX - 1));
    const both = { ...bodyOf('message.send', few), ...few };
    expect(violationPaths(incoming('message.send', both))).to.have.length(VIOLATIONS_MAX);
    const userIds = Array.from({ length: 100 }, () => '?');
    expect(violationPaths(incoming('member.add', bodyOf('member.add', { userIds })))).to.have.length(VIOLATIONS_MAX);
  });

  it('is refused with shortened, storable names of unknown fields', () => {
    const name = `\u0000\ud800${'n'.repeat(10_000)}`;
    const [path = ''] = violationPaths(incoming('message.send', bodyOf('message.send', { [name]: 1 })));
    expect(path).to.equal(`data.\ufffd\ufffd${'n'.repeat(62)}`);
  });

  for (const type of commandTypes) {
    it(`is refused without data (${type})`, () => {
      expect(violationPaths(incoming(type, without(bodyOf(type), 'data')))).to.deep.equal(['data']);
    });
    for (const field of Object.keys(LEAST_DATA[type]))
      it(`is refused without data.${field} (${type})`, () => {
        const data = without(LEAST_DATA[type], field);
        expect(violationPaths(incoming(type, { ...bodyOf(type), data }))).to.deep.equal([`data.${field}`]);
      });
  }

  const faults: [CommandType, Record<string, unknown>, string][] = [
    ['user.upsert', { kind: 'robot' }, 'data.kind'],
    ['user.upsert', { avatarUrl: 'http://pictures.example/a.png' }, 'data.avatarUrl'],
    ['user.upsert', { avatarUrl: null }, 'data.avatarUrl'],
    ['chat.create', { kind: 'room' }, 'data.kind'],
    ['chat.create', { memberIds: 'bob' }, 'data.memberIds'],
    ['chat.create', { metadata: [] }, 'data.metadata'],
    ['chat.create', { metadata: null }, 'data.metadata'],
    ['member.add', { role: 'king' }, 'data.role'],
    ['member.remove', { userId: 'no spaces' }, 'data.userId'],
    ['message.send', { body: null }, 'data.body'],
    ['message.send', { body: ['hello'] }, 'data.body'],
    ['message.send', { inReplyTo: 'not-a-uuid' }, 'data.inReplyTo'],
    ['message.send', { inReplyTo: MESSAGE.toUpperCase() }, 'data.inReplyTo'],
    ['message.send', { threadRootId: `{${MESSAGE}}` }, 'data.threadRootId'],
    ['chat.create', { historyVisibility: 'none' }, 'data.historyVisibility'],
    ['chat.update', { historyVisibility: null }, 'data.historyVisibility'],
    ['chat.update', { kind: 'channel' }, 'data.kind'],
    ['chat.update', { title: 1 }, 'data.title'],
    ['chat.archive', { reason: 'done' }, 'data.reason'],
    ['chat.unarchive', { reason: 'again' }, 'data.reason'],
    ['member.update', { role: 'king' }, 'data.role'],
    ['member.update', { role: null }, 'data.role'],
    ['message.edit', { messageId: MESSAGE.toUpperCase() }, 'data.messageId'],
    ['message.edit', { attachments: [] }, 'data.attachments'],
    ['message.edit', { metadata: null }, 'data.metadata'],
    ['message.delete', { mode: 'gone' }, 'data.mode'],
    ['message.delete', { messageId: 7 }, 'data.messageId'],
    ['message.react', { messageId: 'x' }, 'data.messageId'],
    ['message.unreact', { messageId: 'x' }, 'data.messageId'],
  ];
  for (const [type, data, path] of faults)
    it(`is refused with ${path} = ${JSON.stringify(Object.values(data)[0])} (${type})`, () => {
      expect(violationPaths(incoming(type, bodyOf(type, data)))).to.deep.equal([path]);
    });

  it('may have a URL that browsers accept and RFC 3986 does not; the published schema accepts it too', () => {
    for (const url of ['https://a.example/tea?with[]=milk', 'https://a.example/Tée', 'https://}a.example/']) {
      const command = incoming('user.upsert', bodyOf('user.upsert', { avatarUrl: url }));
      decoded(command, 'command');
      expect(refusedBySchema('user.upsert', command.body), url).to.equal(null);
    }
  });

  it('is refused for a URL that is not https', () => {
    for (const url of [
      'https://',
      'https:/a',
      'javascript:alert(1)',
      '//a.example',
      'https://a.example/\nX: y',
      'https://a b',
      'https://a.example:99999/',
      'https://[::1/',
    ])
      expect(violationPaths(incoming('user.upsert', bodyOf('user.upsert', { avatarUrl: url }))), url).to.deep.equal([
        'data.avatarUrl',
      ]);
  });

  it('is refused for a chat id that is not in lower-case canonical form, and its receipt has no chat id', () => {
    for (const chatId of [
      CHAT.toUpperCase(),
      CHAT.replaceAll('-', ''),
      `urn:uuid:${CHAT}`,
      ` ${CHAT}`,
      `${CHAT}\n`,
      '',
      7,
      null,
    ]) {
      const delivery = incoming('message.send', { ...bodyOf('message.send'), chatId });
      expect(violationPaths(delivery), String(chatId)).to.deep.equal(['chatId']);
      expect(decoded(delivery, 'refused').identity.chatId).to.equal(null);
    }
  });

  it('is refused for a chat id in user.upsert', () => {
    expect(violationPaths(incoming('user.upsert', { ...bodyOf('user.upsert'), chatId: CHAT }))).to.deep.equal([
      'chatId',
    ]);
  });
});

describe('A command of an unknown type', () => {
  for (const type of ['message.shout', 'Message.send', 'message.send ', 'constructor', '__proto__', 'toString', ''])
    it(`is refused as unsupported_type (${JSON.stringify(type)})`, () => {
      expect(refusalOf(incoming(type, bodyOf('message.send'))).code).to.equal('unsupported_type');
    });

  it('is refused with a shortened, storable type', () => {
    const { identity, reason } = decoded(incoming(`\u0000\udfff${'t'.repeat(250)}`, bodyOf('message.send')), 'refused');
    expect(identity.type).to.equal(`\ufffd\ufffd${'t'.repeat(62)}`);
    expect(reason.detail).to.equal(`unknown command type ${identity.type}`);
  });

  it('is refused as invalid without a type', () => {
    expect(violationPaths(incoming('message.send', bodyOf('message.send'), { type: undefined }))).to.deep.equal([
      'type',
    ]);
  });
});

describe('Creating a direct chat', () => {
  const direct = (memberIds: string[], chatId = 'd86a83b1-706f-5a3f-a04f-36b63ad13861') =>
    incoming(
      'chat.create',
      { ...bodyOf('chat.create', { kind: 'direct', memberIds }), chatId },
      { routingKey: chatId },
    );

  it('is accepted with the computed id', () => {
    expect(decoded(direct(['bob']), 'command').command.chatId).to.equal('d86a83b1-706f-5a3f-a04f-36b63ad13861');
  });

  it('is invalid with any other id', () => {
    expect(violationPaths(direct(['bob'], CHAT))).to.deep.equal(['chatId']);
    expect(violationPaths(direct(['carol']))).to.deep.equal(['chatId']);
  });

  it('is invalid unless it names exactly one other user', () => {
    expect(violationPaths(direct([]))).to.deep.equal(['data.memberIds']);
    expect(violationPaths(direct(['bob', 'bob']))).to.deep.equal(['data.memberIds']);
  });
});
