import { expect } from 'chai';
import { snapshotKeysOf } from '../../../../src/application/processing/execution/snapshot-keys.js';
import type { BatchItem } from '../../../../src/application/snapshot/batch-item.js';
import { refusal } from '../../../../src/contract/messages/problems.js';
import { NO_KEYS } from '../../../conformance/store/fixtures.js';
import { itemOf } from './decider-harness.js';
import {
  add,
  archive,
  create,
  edit,
  erase,
  GROUP,
  messageId,
  NOWHERE,
  OTHER_GROUP,
  react,
  read,
  remove,
  send,
  unreact,
  update,
  updateMember,
  upsert,
} from './drafts.js';

const keysOf = (...drafts: Parameters<typeof itemOf>[0][]) => snapshotKeysOf(drafts.map(itemOf));
const ids = (list: { userId: string }[]) => list.map(({ userId }) => userId);

describe('The snapshot keys of a batch', () => {
  it('contain the chat, the actor as user and member, and the earlier receipt', () => {
    expect(keysOf(send('alice', GROUP, 'hello', {}, { commandId: 'c-1' }))).to.deep.equal({
      ...NO_KEYS,
      receipts: [{ tenantId: 'default', actorId: 'alice', commandId: 'c-1' }],
      chats: [GROUP],
      members: [{ chatId: GROUP, userId: 'alice' }],
      users: [{ tenantId: 'default', userId: 'alice' }],
    });
  });

  it("contain the affected members, never a chat's whole list", () => {
    expect(ids(keysOf(add('alice', GROUP, ['bob', 'carol'])).members)).to.deep.equal(['alice', 'bob', 'carol']);
    expect(ids(keysOf(remove('alice', GROUP, 'bob')).members)).to.deep.equal(['alice', 'bob']);
    expect(ids(keysOf(updateMember('alice', GROUP, 'bob', {})).members)).to.deep.equal(['alice', 'bob']);
    for (const draft of [create('alice', GROUP, ['bob']), update('alice', GROUP, {}), archive('alice', GROUP)])
      expect(ids(keysOf(draft).members)).to.deep.equal(['alice']);
  });

  it('contain the former mutes of users who are added, of no others', () => {
    const keys = keysOf(add('alice', GROUP, ['bob', 'carol']), remove('alice', GROUP, 'dave'), send('alice', GROUP));
    expect(keys.formerMutes).to.deep.equal([
      { tenantId: 'default', chatId: GROUP, userId: 'bob' },
      { tenantId: 'default', chatId: GROUP, userId: 'carol' },
    ]);
  });

  it('contain the referenced messages', () => {
    const references = { inReplyTo: NOWHERE, threadRootId: OTHER_GROUP };
    expect(keysOf(send('alice', GROUP, 'yes', references)).messages).to.deep.equal([NOWHERE, OTHER_GROUP]);
    expect(keysOf(send('alice', GROUP, 'yes', { inReplyTo: NOWHERE, threadRootId: NOWHERE })).messages).to.have.length(
      1,
    );
  });

  it('contain messages to change, in full, each once', () => {
    const keys = keysOf(
      ...[edit('alice', GROUP, messageId(1), {}), erase('bob', GROUP, messageId(1)), erase('bob', GROUP, messageId(2))],
    );
    expect(keys.messagesInFull).to.deep.equal([messageId(1), messageId(2)]);
    expect(keys.messages).to.deep.equal([]);
  });

  it('contain the message of a reaction, and the reaction', () => {
    const keys = keysOf(
      ...[react('alice', GROUP, messageId(1), ':tea:'), unreact('alice', GROUP, messageId(1), ':tea:')],
      react('bob', GROUP, messageId(1), ':tea:'),
    );
    expect(keys.messages).to.deep.equal([messageId(1)]);
    expect(keys.messagesInFull).to.deep.equal([]);
    expect(keys.reactions).to.deep.equal(
      ['alice', 'bob'].map((userId) => ({ messageId: messageId(1), emoji: ':tea:', userId })),
    );
  });

  it('contain the read marks', () => {
    const keys = keysOf(read('alice', GROUP, 7), read('bob', GROUP, 7), read('bob', OTHER_GROUP, 7));
    expect(keys.readMarks).to.deep.equal([GROUP, OTHER_GROUP].map((chatId) => ({ chatId, upTo: 7 })));
  });

  it('contain each key once, for any number of commands', () => {
    const draft = add('alice', GROUP, ['bob', 'alice', 'bob']);
    const keys = keysOf(draft, draft, send('bob', GROUP), send('alice', GROUP));
    expect(keys.chats).to.deep.equal([GROUP]);
    expect(ids(keys.members)).to.deep.equal(['alice', 'bob']);
    expect(ids(keys.users)).to.deep.equal(['alice', 'bob']);
    expect(keys.receipts).to.have.length(3);
  });

  it('distinguish tenants and chats', () => {
    const keys = keysOf(send('alice', GROUP), send('alice', OTHER_GROUP, 'hello', {}, { tenantId: 'acme' }));
    expect(keys.users).to.deep.equal([
      { tenantId: 'default', userId: 'alice' },
      { tenantId: 'acme', userId: 'alice' },
    ]);
    expect(keys.members).to.have.length(2);
  });

  it('contain no chat for a profile', () => {
    expect(keysOf(upsert('alice', { displayName: 'A' }))).to.deep.include({ chats: [], members: [], messages: [] });
  });

  it('contain only the earlier receipt for an invalid command', () => {
    const keys = keysOf(send('alice', GROUP, '', {}, { commandId: 'c-1' }));
    expect(keys).to.deep.equal({
      ...NO_KEYS,
      receipts: [{ tenantId: 'default', actorId: 'alice', commandId: 'c-1' }],
      chats: [],
      members: [],
      users: [],
    });
  });

  it('are empty for an unauthenticated actor', () => {
    const item: BatchItem = itemOf(send('alice', GROUP, 'x', {}, { unauthenticated: refusal('unauthenticated') }), 1);
    expect(snapshotKeysOf([item])).to.deep.equal(NO_KEYS);
  });
});
