import { expect } from 'chai';
import { v7, validate } from 'uuid';
import { RestHarness } from '../rest-harness.js';

describe('REST commands about messages', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  it('that send a message answer 201 with the receipt and the location of the message', async () => {
    const chatId = await rest.group();
    const { status, body, headers } = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hello' });
    expect(status).to.equal(201);
    expect(body).to.include({ type: 'message.send', chatId, sequence: 2 });
    expect(validate(body.messageId)).to.equal(true);
    const location = headers.get('location') ?? '';
    expect(location).to.equal(`/v1/chats/${chatId}/messages/${body.messageId}`);
    expect((await rest.get(location)).body.body).to.equal('hello');
  });

  describe('about an existing message', () => {
    let chatId: string;
    let message: string;
    let messageId: string;
    beforeEach(async () => {
      chatId = await rest.group();
      ({ messageId } = await rest.say(chatId, 'hello'));
      message = `/v1/chats/${chatId}/messages/${messageId}`;
    });

    describe('that edit it', () => {
      it('answer 200 with the receipt, and replace the text', async () => {
        const { status, body } = await rest.patch(message, { body: 'hallo', mentions: ['bob'] });
        expect(status).to.equal(200);
        expect(body).to.include({ type: 'message.edit', messageId, sequence: 3 });
        expect(rest.gateway.lastBody.data).to.deep.equal({ messageId, body: 'hallo', mentions: ['bob'] });
        const edited = (await rest.get(message, { as: 'bob' })).body;
        expect(edited).to.deep.include({ body: 'hallo', mentions: ['bob'], revision: 2, sequence: 2, deletedAt: null });
        expect(edited.editedAt).to.equal(body.at);
        expect((await rest.patch(message, { body: 'hallo' })).body.sequence).to.equal(null);
      });

      for (const [what, given] of Object.entries({
        'an empty text': { body: '' },
        'no text': { mentions: [] },
        'an unknown field': { body: 'x', contentType: 'text/html' },
        'no object': ['x'],
      }))
        it(`answer 422 to ${what}`, async () => {
          const { status, body } = await rest.patch(message, given);
          expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
        });

      it('answer 422 to a body with a message id, and publish nothing', async () => {
        const published = rest.gateway.published.length;
        const { status, body } = await rest.patch(message, { messageId: v7(), body: 'x' });
        expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
        expect(body.violations).to.deep.equal([
          { path: 'data.messageId', message: 'must not be in the body, because the path contains it' },
        ]);
        expect(rest.gateway.published).to.have.length(published);
      });

      it('answer 403 to other members, and 404 for an unknown message', async () => {
        const edit = (path: string, as = 'alice') => rest.patch(path, { body: 'x' }, { as });
        expect((await edit(message, 'bob')).body.type).to.equal('/problems/not_permitted');
        expect((await edit(message, 'mallory')).body.type).to.equal('/problems/not_found');
        expect((await edit(`/v1/chats/${chatId}/messages/${v7()}`)).body.type).to.equal('/problems/not_found');
        expect((await edit(`/v1/chats/${chatId}/messages/x`)).body.type).to.equal('/problems/not_found');
        expect((await edit(`/v1/chats/${await rest.group()}/messages/${messageId}`)).body.type).to.equal(
          '/problems/not_found',
        );
      });

      it('are harmless when repeated with the same key', async () => {
        const edit = () => rest.patch(message, { body: 'once' }, { headers: { 'idempotency-key': 'edit-1' } });
        const [first, second] = [await edit(), await edit()];
        expect([first.status, second.status]).to.deep.equal([200, 200]);
        expect(second.body).to.deep.equal({ ...first.body, replayed: true });
        expect((await rest.get(message)).body.revision).to.equal(2);
      });
    });

    describe('that delete it', () => {
      it('answer 200 and leave a tombstone by default', async () => {
        await rest.put(`${message}/reactions/:wave:`);
        const { status, body } = await rest.delete(message);
        expect(status).to.equal(200);
        expect(body).to.include({ type: 'message.delete', messageId, sequence: 4 });
        expect(rest.gateway.lastBody.data).to.deep.equal({ messageId, mode: 'soft' });
        const tombstone = (await rest.get(message, { as: 'bob' })).body;
        expect(tombstone).to.deep.include({ body: null, erased: true, deletedAt: body.at, metadata: {}, sequence: 2 });
        expect(tombstone.reactions).to.deep.equal([{ emoji: ':wave:', count: 1, mine: false }]);
        expect((await rest.get(`/v1/chats/${chatId}/messages`)).body.items[0]).to.include({ body: null, erased: true });
        expect((await rest.get(`/v1/chats/${chatId}/events?after=1`)).body.items[0].data).to.include({
          body: null,
          erased: true,
        });
        expect((await rest.delete(`${message}?mode=soft`)).body.sequence).to.equal(null);
      });

      it('leave no tombstone in mode hard', async () => {
        const { status, body } = await rest.delete(`${message}?mode=hard`);
        expect([status, body.sequence]).to.deep.equal([200, 3]);
        for (const path of ['', '/revisions', '/thread', '/readers'])
          expect((await rest.get(message + path)).body.type, path).to.equal('/problems/not_found');
        expect((await rest.get(`/v1/chats/${chatId}/messages`)).body.items).to.deep.equal([]);
        expect((await rest.get('/v1/chats')).body.items[0]).to.include({ lastMessage: null, lastSequence: 3 });
        expect((await rest.get('/v1/chats', { as: 'bob' })).body.items[0].unreadCount).to.equal(1);
        expect((await rest.delete(message)).body.type).to.equal('/problems/not_found');
      });

      for (const query of ['mode=gone', 'mode=', 'mode=soft&mode=hard', 'force=true'])
        it(`answer 400 to ${query}, and publish nothing`, async () => {
          const published = rest.gateway.published.length;
          const { status, body } = await rest.delete(`${message}?${query}`);
          expect([status, body.type]).to.deep.equal([400, '/problems/bad_request']);
          expect(body.violations[0].path).to.equal(query.split('=')[0]);
          expect(rest.gateway.published).to.have.length(published);
        });

      it('answer 403 to other members, 404 to non-members', async () => {
        expect((await rest.delete(message, { as: 'bob' })).body.type).to.equal('/problems/not_permitted');
        expect((await rest.delete(message, { as: 'mallory' })).body.type).to.equal('/problems/not_found');
      });
    });

    describe('that react to it', () => {
      const path = (emoji: string) => `${message}/reactions/${encodeURIComponent(emoji)}`;

      for (const emoji of ['👍', '👩‍👩‍👧', '🇦🇹', ':party_parrot:', 'ß', '/', '%'])
        it(`answer 201 to ${emoji}, and 200 if the reaction exists`, async () => {
          const first = await rest.put(path(emoji), undefined, { as: 'bob' });
          expect(first.status).to.equal(201);
          expect(first.body).to.include({ type: 'message.react', messageId, sequence: 3 });
          expect(rest.gateway.lastBody.data).to.deep.equal({ messageId, emoji });
          const again = await rest.put(path(emoji), undefined, { as: 'bob' });
          expect([again.status, again.body.sequence]).to.deep.equal([200, null]);
          expect((await rest.get(message)).body.reactions).to.deep.equal([{ emoji, count: 1, mine: false }]);
          expect((await rest.get(message, { as: 'bob' })).body.reactions[0].mine).to.equal(true);
        });

      it('remove a reaction with 200, also if there is none', async () => {
        await rest.put(path('👍'));
        const taken = await rest.delete(path('👍'));
        expect([taken.status, taken.body.type, taken.body.sequence]).to.deep.equal([200, 'message.unreact', 4]);
        const again = await rest.delete(path('👍'));
        expect([again.status, again.body.sequence]).to.deep.equal([200, null]);
        expect((await rest.get(message)).body.reactions).to.deep.equal([]);
      });

      for (const [what, emoji] of Object.entries({
        'two graphemes': '👍👍',
        'a word': 'yes',
        'a name without its second colon': ':yes',
        'a blank': ' ',
        'a control character': '\u0007',
        'U+0000': '\u0000',
        'what is too long': `:${'x'.repeat(63)}:`,
      }))
        it(`answer 404 to ${what}, which is not an emoji, and publish nothing`, async () => {
          const published = rest.gateway.published.length;
          for (const method of ['PUT', 'DELETE'])
            expect((await rest.call(method, path(emoji))).body.type).to.equal('/problems/not_found');
          expect(rest.gateway.published).to.have.length(published);
        });

      it('answer 400 if the path cannot be decoded', async () => {
        expect((await rest.put(`${message}/reactions/%F0%9F`)).body.type).to.equal('/problems/bad_request');
      });

      it('answer 404 to a non-member, and for a deleted message', async () => {
        expect((await rest.put(path('👍'), undefined, { as: 'mallory' })).body.type).to.equal('/problems/not_found');
        await rest.delete(message);
        expect((await rest.put(path('👍'))).body.type).to.equal('/problems/not_found');
      });
    });
  });
});
