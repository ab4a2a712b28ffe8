import { expect } from 'chai';
import { UUID_PATTERN } from '../../../../../src/contract/messages/identifiers.js';
import { DeciderHarness } from '../decider-harness.js';
import { add, CHANNEL, create, createDirect, GROUP, messageId, NOWHERE, OTHER_GROUP, send } from '../drafts.js';

/** A group and a channel of alice (owner), adam (admin), mary (member) and ruth (reader). */
function chats(): DeciderHarness {
  const harness = new DeciderHarness();
  for (const [chatId, kind] of [
    [GROUP, 'group'],
    [CHANNEL, 'channel'],
  ] as const)
    harness.given(
      create('alice', chatId, ['mary'], { kind }),
      add('alice', chatId, ['adam'], 'admin'),
      add('alice', chatId, ['ruth'], 'reader'),
    );
  return harness;
}

const unread = (harness: DeciderHarness, userId: string) =>
  harness.chat(GROUP).lastOrdinal - (harness.member(GROUP, userId)?.readOrdinal ?? Number.NaN);

describe('Sending a message', () => {
  it('stores it with the next sequence of its chat', () => {
    const harness = chats();
    const data = {
      contentType: 'text/markdown',
      mentions: ['alice'],
      attachments: [{ url: 'https://files.example/a', mediaType: 'image/png', size: 1, name: 'a' }],
      metadata: { b: 1, a: 2 },
    };
    const [receipt] = harness.given(send('mary', GROUP, 'Hello 😀', data));
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
      createdAt: harness.now,
      editedAt: null,
      editedBy: null,
      deletedAt: null,
    };
    expect(harness.messages.get(messageId)).to.deep.equal(message);
    expect(harness.log.at(-1)?.event).to.deep.equal({ type: 'message.created', message });
  });

  it('is plain text without further fields by default', () => {
    const harness = chats();
    const [receipt] = harness.given(send('mary', GROUP));
    expect(harness.messages.get(receipt?.messageId ?? '')).to.deep.include({
      contentType: 'text/plain',
      mentions: [],
      attachments: [],
      metadata: {},
      inReplyTo: null,
      threadRootId: null,
    });
  });

  it('assigns sequences without gaps per chat within a batch, and none to refusals', () => {
    const harness = chats();
    const receipts = harness.answers(
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
      expect(harness.eventsOf(chatId).map(({ sequence }) => sequence)).to.deep.equal(
        Array.from({ length: harness.chat(chatId).lastSequence }, (_, index) => index + 1),
      );
  });

  it("moves only the sender's read mark", () => {
    const harness = chats();
    harness.given(send('mary', GROUP), send('mary', GROUP), send('adam', GROUP));
    expect(harness.member(GROUP, 'adam')).to.include({ readSequence: 6, readOrdinal: 3 });
    expect(harness.member(GROUP, 'mary')).to.include({ readSequence: 5, readOrdinal: 2 });
    expect(harness.member(GROUP, 'alice')).to.include({ readSequence: 1, readOrdinal: 0 });
    expect(['adam', 'mary', 'alice', 'ruth'].map((userId) => unread(harness, userId))).to.deep.equal([0, 1, 3, 3]);
    expect(harness.written?.membersPut.map(({ userId }) => userId)).to.have.members(['mary', 'adam']);
  });

  it('may reply to a message and belong to a thread of the same chat', () => {
    const harness = chats();
    const [first] = harness.given(send('mary', GROUP));
    const references = { inReplyTo: first?.messageId, threadRootId: first?.messageId };
    const [second] = harness.given(send('adam', GROUP, 'yes', references));
    expect(harness.messages.get(second?.messageId ?? '')).to.include(references);
  });

  it('is refused in a thread within a thread, with the root in the violation', () => {
    const harness = chats();
    const [root] = harness.given(send('mary', GROUP));
    const [reply] = harness.given(send('adam', GROUP, 'yes', { threadRootId: root?.messageId }));
    const { reason } = harness.answer(send('mary', GROUP, 'and', { threadRootId: reply?.messageId }));
    expect(reason).to.deep.include({
      code: 'invalid',
      violations: [{ path: 'data.threadRootId', message: `is in a thread itself: name its root, ${root?.messageId}` }],
    });
    // A plain answer to a message of a thread is fine.
    harness.given(send('mary', GROUP, 'and', { inReplyTo: reply?.messageId, threadRootId: root?.messageId }));
  });

  it('is refused in a thread within a thread of the same batch', () => {
    const harness = chats();
    const [root] = harness.given(send('mary', GROUP));
    const reply = messageId(77);
    harness.idsToDraw.push(reply);
    const receipts = harness.answers(
      send('adam', GROUP, 'yes', { threadRootId: root?.messageId }),
      send('mary', GROUP, 'and', { threadRootId: reply }),
    );
    expect(receipts.map(({ reason }) => reason?.code ?? null)).to.deep.equal([null, 'invalid']);
  });

  for (const reference of ['inReplyTo', 'threadRootId'])
    it(`is not found if ${reference} is in another chat or unknown, with the same refusal`, () => {
      const harness = chats();
      const [elsewhere] = harness.given(send('alice', CHANNEL));
      const reasons = [elsewhere?.messageId, NOWHERE].map(
        (messageId) => harness.answer(send('mary', GROUP, 'yes', { [reference]: messageId })).reason,
      );
      expect(reasons[0])
        .to.deep.equal(reasons[1])
        .and.include({ code: 'not_found', detail: 'no such message in this chat' });
      expect(harness.chat(GROUP).lastSequence).to.equal(3);
    });

  it('is refused to a muted member until the mute ends', () => {
    const harness = chats();
    const mutedUntil = new Date(harness.now.getTime() + 1000);
    harness.alterMember(GROUP, 'mary', { mutedUntil });
    expect(harness.answer(send('mary', GROUP)).reason).to.include({
      code: 'muted',
      detail: `until ${mutedUntil.toISOString()}`,
    });
    harness.given(send('adam', GROUP));
    harness.now = mutedUntil;
    harness.given(send('mary', GROUP));
  });

  it('is refused in an archived chat', () => {
    const harness = chats();
    harness.alterChat(GROUP, { archivedAt: harness.now });
    expect(harness.answer(send('alice', GROUP)).reason).to.include({
      code: 'archived',
      detail: 'the chat is archived',
    });
  });

  it('does not reveal to a member who may not post that the chat is archived', () => {
    const harness = chats();
    harness.alterChat(GROUP, { archivedAt: harness.now });
    expect(harness.answer(send('ruth', GROUP)).reason?.code).to.equal('not_permitted');
  });

  it('is permitted to everyone except readers in a group, and to owners and admins in a channel', () => {
    for (const [chatId, expected] of [
      [GROUP, [undefined, undefined, undefined, 'not_permitted']],
      [CHANNEL, [undefined, undefined, 'not_permitted', 'not_permitted']],
    ] as const) {
      const harness = chats();
      const receipts = harness.answers(...['alice', 'adam', 'mary', 'ruth'].map((userId) => send(userId, chatId)));
      expect(receipts.map(({ reason }) => reason?.code)).to.deep.equal(expected);
      for (const { decisionId } of receipts) expect(decisionId).to.match(UUID_PATTERN);
    }
  });

  it('is permitted to both users of a direct chat, and in a chat with oneself', () => {
    const harness = new DeciderHarness();
    const [direct, notes] = harness.given(createDirect('alice', 'bob'), createDirect('alice', 'alice'));
    const receipts = harness.given(
      send('alice', direct?.chatId ?? ''),
      send('bob', direct?.chatId ?? ''),
      send('alice', notes?.chatId ?? ''),
    );
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([2, 3, 2]);
  });

  it('may follow the creation of its chat in the same batch', () => {
    const harness = new DeciderHarness();
    const receipts = harness.given(
      create('alice', OTHER_GROUP, []),
      send('alice', OTHER_GROUP),
      add('alice', OTHER_GROUP, ['bob']),
      send('bob', OTHER_GROUP),
    );
    expect(receipts.map(({ sequence }) => sequence)).to.deep.equal([1, 2, 3, 4]);
    expect(harness.written?.chatsCreated).to.have.length(1);
    expect(harness.written?.chatsChanged).to.have.length(0);
    expect(harness.chat(OTHER_GROUP)).to.include({ lastSequence: 4, lastOrdinal: 2, memberCount: 2 });
  });
});
