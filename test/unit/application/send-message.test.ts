import { expect } from 'chai';
import { UUID_PATTERN } from '../../../src/contract/messages/identifiers.js';
import { add, CHANNEL, create, createDirect, GROUP, messageId, NOWHERE, OTHER_GROUP, send } from './drafts.js';
import { Stage } from './stage.js';

/** A group and a channel of alice (owner), adam (admin), mary (member) and ruth (reader). */
function chats(): Stage {
  const stage = new Stage();
  for (const [chatId, kind] of [
    [GROUP, 'group'],
    [CHANNEL, 'channel'],
  ] as const)
    stage.given(
      create('alice', chatId, ['mary'], { kind }),
      add('alice', chatId, ['adam'], 'admin'),
      add('alice', chatId, ['ruth'], 'reader'),
    );
  return stage;
}

const unread = (stage: Stage, userId: string) =>
  stage.chat(GROUP).lastOrdinal - (stage.member(GROUP, userId)?.readOrdinal ?? Number.NaN);

describe('Sending a message', () => {
  it('stores it under the next number of its chat', () => {
    const stage = chats();
    const data = {
      contentType: 'text/markdown',
      mentions: ['alice'],
      attachments: [{ url: 'https://files.example/a', mediaType: 'image/png', size: 1, name: 'a' }],
      metadata: { b: 1, a: 2 },
    };
    const [receipt] = stage.given(send('mary', GROUP, 'Hello 😀', data));
    const messageId = receipt?.messageId ?? '';
    expect(receipt).to.include({ sequence: 4, chatId: GROUP, type: 'message.send' });
    expect(messageId).to.match(UUID_PATTERN);
    const message = {
      chatId: GROUP,
      sequence: 4,
      messageId,
      tenantId: 'default',
      ordinal: 1,
      senderId: 'mary',
      revision: 1,
      body: 'Hello 😀',
      ...data,
      inReplyTo: null,
      threadRootId: null,
      createdAt: stage.now,
      editedAt: null,
      editedBy: null,
      deletedAt: null,
    };
    expect(stage.messages.get(messageId)).to.deep.equal(message);
    expect(stage.log.at(-1)?.event).to.deep.equal({ type: 'message.created', message });
  });

  it('is plain text with nothing besides where nothing else is said', () => {
    const stage = chats();
    const [receipt] = stage.given(send('mary', GROUP));
    expect(stage.messages.get(receipt?.messageId ?? '')).to.deep.include({
      contentType: 'text/plain',
      mentions: [],
      attachments: [],
      metadata: {},
      inReplyTo: null,
      threadRootId: null,
    });
  });

  it('numbers each chat without a gap through one batch of several, refusals taking no number', () => {
    const stage = chats();
    const receipts = stage.answers(
      send('mary', GROUP),
      send('alice', CHANNEL),
      send('mary', CHANNEL),
      send('adam', GROUP),
      send('ruth', GROUP),
      send('adam', CHANNEL),
      send('mary', GROUP),
    );
    expect(receipts.map(({ sequence, reason }) => reason?.code ?? sequence)).to.deep.equal([
      ...[4, 4, 'not_permitted', 5],
      ...['not_permitted', 5, 6],
    ]);
    for (const chatId of [GROUP, CHANNEL])
      expect(stage.eventsOf(chatId).map(({ sequence }) => sequence)).to.deep.equal(
        Array.from({ length: stage.chat(chatId).lastSequence }, (_, index) => index + 1),
      );
  });

  it("moves the sender's own read mark and nobody else's", () => {
    const stage = chats();
    stage.given(send('mary', GROUP), send('mary', GROUP), send('adam', GROUP));
    expect(stage.member(GROUP, 'adam')).to.include({ readSequence: 6, readOrdinal: 3 });
    expect(stage.member(GROUP, 'mary')).to.include({ readSequence: 5, readOrdinal: 2 });
    expect(stage.member(GROUP, 'alice')).to.include({ readSequence: 1, readOrdinal: 0 });
    expect(['adam', 'mary', 'alice', 'ruth'].map((userId) => unread(stage, userId))).to.deep.equal([0, 1, 3, 3]);
    expect(stage.written?.membersPut.map(({ userId }) => userId)).to.have.members(['mary', 'adam']);
  });

  it('may answer a message and belong to a thread of the same chat', () => {
    const stage = chats();
    const [first] = stage.given(send('mary', GROUP));
    const references = { inReplyTo: first?.messageId, threadRootId: first?.messageId };
    const [second] = stage.given(send('adam', GROUP, 'yes', references));
    expect(stage.messages.get(second?.messageId ?? '')).to.include(references);
  });

  it('opens no thread within a thread, and names the root instead', () => {
    const stage = chats();
    const [root] = stage.given(send('mary', GROUP));
    const [reply] = stage.given(send('adam', GROUP, 'yes', { threadRootId: root?.messageId }));
    const { reason } = stage.answer(send('mary', GROUP, 'and', { threadRootId: reply?.messageId }));
    expect(reason).to.deep.include({
      code: 'invalid',
      violations: [{ path: 'data.threadRootId', message: `is in a thread itself: name its root, ${root?.messageId}` }],
    });
    // A plain answer to a message of a thread is fine.
    stage.given(send('mary', GROUP, 'and', { inReplyTo: reply?.messageId, threadRootId: root?.messageId }));
  });

  it('opens no thread within a thread that the same batch has begun', () => {
    const stage = chats();
    const [root] = stage.given(send('mary', GROUP));
    const reply = messageId(77);
    stage.idsToDraw.push(reply);
    const receipts = stage.answers(
      send('adam', GROUP, 'yes', { threadRootId: root?.messageId }),
      send('mary', GROUP, 'and', { threadRootId: reply }),
    );
    expect(receipts.map(({ reason }) => reason?.code ?? null)).to.deep.equal([null, 'invalid']);
  });

  for (const reference of ['inReplyTo', 'threadRootId'])
    it(`is not found where ${reference} is in another chat, or nowhere: the two cannot be told apart`, () => {
      const stage = chats();
      const [elsewhere] = stage.given(send('alice', CHANNEL));
      const reasons = [elsewhere?.messageId, NOWHERE].map(
        (messageId) => stage.answer(send('mary', GROUP, 'yes', { [reference]: messageId })).reason,
      );
      expect(reasons[0])
        .to.deep.equal(reasons[1])
        .and.include({ code: 'not_found', detail: 'no such message in this chat' });
      expect(stage.chat(GROUP).lastSequence).to.equal(3);
    });

  it('is refused to one who is muted, until the time is over', () => {
    const stage = chats();
    const mutedUntil = new Date(stage.now.getTime() + 1000);
    stage.alterMember(GROUP, 'mary', { mutedUntil });
    expect(stage.answer(send('mary', GROUP)).reason).to.include({
      code: 'muted',
      detail: `until ${mutedUntil.toISOString()}`,
    });
    stage.given(send('adam', GROUP));
    stage.now = mutedUntil;
    stage.given(send('mary', GROUP));
  });

  it('is refused in an archived chat', () => {
    const stage = chats();
    stage.alterChat(GROUP, { archivedAt: stage.now });
    expect(stage.answer(send('alice', GROUP)).reason).to.include({ code: 'archived', detail: 'the chat is archived' });
  });

  it('does not tell one who may not post that the chat is archived', () => {
    const stage = chats();
    stage.alterChat(GROUP, { archivedAt: stage.now });
    expect(stage.answer(send('ruth', GROUP)).reason?.code).to.equal('not_permitted');
  });

  it('is for everyone but readers in a group, and for owners and admins in a channel', () => {
    for (const [chatId, expected] of [
      [GROUP, [undefined, undefined, undefined, 'not_permitted']],
      [CHANNEL, [undefined, undefined, 'not_permitted', 'not_permitted']],
    ] as const) {
      const stage = chats();
      const receipts = stage.answers(...['alice', 'adam', 'mary', 'ruth'].map((userId) => send(userId, chatId)));
      expect(receipts.map(({ reason }) => reason?.code)).to.deep.equal(expected);
      for (const { decisionId } of receipts) expect(decisionId).to.match(UUID_PATTERN);
    }
  });

  it('is for both in a direct chat, and for oneself in notes', () => {
    const stage = new Stage();
    const [direct, notes] = stage.given(createDirect('alice', 'bob'), createDirect('alice', 'alice'));
    const receipts = stage.given(
      send('alice', direct?.chatId ?? ''),
      send('bob', direct?.chatId ?? ''),
      send('alice', notes?.chatId ?? ''),
    );
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([2, 3, 2]);
  });

  it('may follow the creation of its chat in the same batch', () => {
    const stage = new Stage();
    const receipts = stage.given(
      create('alice', OTHER_GROUP, []),
      send('alice', OTHER_GROUP),
      add('alice', OTHER_GROUP, ['bob']),
      send('bob', OTHER_GROUP),
    );
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([1, 2, 3, 4]);
    expect(stage.written?.chatsCreated).to.have.length(1);
    expect(stage.written?.chatsChanged).to.have.length(0);
    expect(stage.chat(OTHER_GROUP)).to.include({ lastSequence: 4, lastOrdinal: 2, memberCount: 2 });
  });
});
