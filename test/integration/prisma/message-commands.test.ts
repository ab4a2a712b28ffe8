import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { create, GROUP, send, upsert } from '../../unit/application/commands/drafts.js';
import { DecidedStore } from './decided-store.js';
import { withConnection } from './prisma-harness.js';

describe('The command id of a message', () => {
  it('is returned as sent, in pages and single messages, for any form of id', async () => {
    const store = await DecidedStore.open();
    try {
      const ids = [randomUUID(), randomUUID().toUpperCase(), 'a~command:of.1', randomUUID(), 'another'];
      await store.given(create('alice', GROUP, ['bob']));
      await store.given(...ids.map((commandId) => send('alice', GROUP, 'text', {}, { commandId })));
      // As in a store from before messages said it.
      await withConnection(store.url, (sql) =>
        sql.query('UPDATE messages SET command_uuid = NULL, command_id = NULL WHERE sequence > 4'),
      );
      const past = { chatId: GROUP, userId: 'bob', fromSequence: 1 };
      const { items } = await store.store.history.listMessages(past, { limit: 10 });
      expect(items.map(({ commandId }) => commandId)).to.deep.equal(ids);
      for (const { messageId, commandId } of items)
        expect((await store.store.history.findMessage(past, messageId))?.commandId).to.equal(commandId);
      const older = await store.store.history.listMessages(past, { before: 6, limit: 2 });
      expect(older.items.map(({ commandId }) => commandId)).to.deep.equal(ids.slice(2, 4));
    } finally {
      await store.close();
    }
  });
});

describe('The content type of a message', () => {
  it('is returned as sent, and as text/plain by default, which is not stored', async () => {
    const store = await DecidedStore.open();
    try {
      await store.given(create('alice', GROUP, ['bob']), send('alice', GROUP));
      await store.given(send('alice', GROUP, '# hello', { contentType: 'text/markdown' }));
      // As it was written down before.
      await store.given(send('alice', GROUP));
      await withConnection(store.url, (sql) =>
        sql.query(`UPDATE messages SET content_type = 'text/plain' WHERE sequence = 4`),
      );
      const { items } = await store.store.history.listMessages(
        { chatId: GROUP, userId: 'bob', fromSequence: 1 },
        { limit: 10 },
      );
      expect(items.map(({ contentType }) => contentType)).to.deep.equal(['text/plain', 'text/markdown', 'text/plain']);
      const kept = await withConnection(store.url, (sql) =>
        sql.query('SELECT content_type FROM messages ORDER BY sequence'),
      );
      expect(kept.rows.map((row) => row.content_type)).to.deep.equal([null, 'text/markdown', 'text/plain']);
    } finally {
      await store.close();
    }
  });
});

describe('A profile in the log from before there was a presence', () => {
  it('is read as shared', async () => {
    const store = await DecidedStore.open();
    try {
      await store.given(upsert('alice', { displayName: 'Alice', presence: 'hidden' }));
      await withConnection(store.url, (sql) =>
        sql.query(`UPDATE chat_events SET payload = (payload::jsonb #- '{user,presence}')::json`),
      );
      const events = await Promise.all([0, 1, 2, 3].map((partition) => store.store.log.readEvents(partition, 0, 10)));
      const [logged] = events.flat();
      expect(logged?.event).to.have.nested.property('user.presence', 'shared');
    } finally {
      await store.close();
    }
  });
});
