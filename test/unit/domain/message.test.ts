import { expect } from 'chai';
import { withoutErasedText } from '../../../src/domain/event.js';
import { editMessage, eraseMessage, type Message, messageOfStub, stubOf } from '../../../src/domain/message.js';

const now = new Date('2026-11-20T20:15:00.123Z');
const later = new Date(now.getTime() + 1);
const said: Message = Object.freeze({
  ...{ chatId: 'c', sequence: 7, messageId: 'm', tenantId: 't', ordinal: 3, senderId: 'alice', revision: 1 },
  ...{ body: 'secret', contentType: 'text/markdown', inReplyTo: 'x', threadRootId: 'y', mentions: ['bob'] },
  attachments: [{ url: 'https://a.example', mediaType: 'a/b', size: 1, name: 'secret.txt' }],
  ...{ metadata: { a: 'secret' }, createdAt: now, editedAt: null, editedBy: null, deletedAt: null },
});
const text = { body: 'new', mentions: [], metadata: {} };

describe('A message', () => {
  it('that is edited gets the next revision, and returns the earlier text with author and time', () => {
    const once = editMessage(said, text, 'bob', later);
    expect(once.message).to.deep.equal({ ...said, ...text, revision: 2, editedAt: later, editedBy: 'bob' });
    expect(once.earlier).to.deep.equal({
      ...{ messageId: 'm', revision: 1, body: 'secret', mentions: ['bob'], metadata: { a: 'secret' } },
      ...{ actorId: 'alice', at: now },
    });
    const twice = editMessage(once.message, { ...text, body: 'newer' }, 'carol', later);
    expect(twice.message.revision).to.equal(3);
    expect(twice.earlier).to.deep.equal({ messageId: 'm', revision: 2, ...text, actorId: 'bob', at: later });
  });

  it('that is erased has no content, and keeps its sequence', () => {
    const erased = eraseMessage(said, later);
    expect(JSON.stringify(erased)).to.not.include('secret').and.not.include('bob');
    const { sequence, ordinal, inReplyTo, threadRootId, contentType, deletedAt } = erased;
    expect({ sequence, ordinal, inReplyTo, threadRootId, contentType, deletedAt }).to.deep.equal({
      ...{ sequence: 7, ordinal: 3, inReplyTo: 'x', threadRootId: 'y', contentType: 'text/markdown', deletedAt: later },
    });
  });

  it('of which only the stub remains has its sequence, ordinal, sender and time', () => {
    const left = messageOfStub(stubOf(said));
    expect(JSON.stringify(left)).to.not.include('secret').and.not.include('bob');
    expect(left).to.include({ ...stubOf(said), body: null, inReplyTo: null, threadRootId: null });
  });
});

describe('An event of a message that has been erased', () => {
  const erased = new Map([['m', eraseMessage(said, later)]]);
  const { message: edited } = editMessage(said, text, 'bob', later);

  it('has no text, and keeps its revision', () => {
    for (const event of [
      { type: 'message.created' as const, message: said },
      { type: 'message.edited' as const, message: edited },
    ]) {
      const told = withoutErasedText(event, erased);
      const { revision, editedAt, editedBy } = event.message;
      expect(told).to.deep.equal({
        type: event.type,
        message: { ...eraseMessage(said, later), revision, editedAt, editedBy },
      });
    }
  });

  it('is unchanged if it has no text or is about another message', () => {
    const others = [
      { type: 'message.created' as const, message: { ...said, messageId: 'other' } },
      { type: 'message.reacted' as const, messageId: 'm', messageSequence: 1, emoji: '👍', userId: 'bob' },
      { type: 'message.deleted' as const, messageId: 'm', messageSequence: 1, mode: 'soft' as const },
    ];
    for (const event of others) expect(withoutErasedText(event, erased)).to.equal(event);
  });
});
