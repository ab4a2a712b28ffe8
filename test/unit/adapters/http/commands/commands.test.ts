import { expect } from 'chai';
import { version } from 'uuid';
import { acceptedReceiptOf } from '../deciding-gateway.js';
import { tokenFor } from '../rest-client.js';
import { RestHarness } from '../rest-harness.js';

const key = (value: string) => ({ headers: { 'idempotency-key': value } });

describe('REST commands', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness({ settings: { receiptTimeoutMs: 1_234 } }).start();
  });
  afterEach(() => rest.stop());

  it("are published in the form of a producer's commands", async () => {
    const chatId = await rest.group();
    const data = { body: 'hello', metadata: { a: [1, 'x', null] } };
    await rest.post(`/v1/chats/${chatId}/messages`, data, { ...key('send-1'), as: 'bob' });

    expect(rest.gateway.lastBody).to.deep.equal({ tenantId: 'default', actorId: 'bob', chatId, data });
    expect(rest.gateway.last).to.include({ type: 'message.send', commandId: 'send-1', routingKey: chatId });
    expect(rest.gateway.waits.at(-1)).to.equal(1_234);
  });

  it('take actor and tenant from the token, not from the body', async () => {
    const { body } = await rest.post('/v1/chats', { kind: 'group', memberIds: [] }, { as: 'acme/alice' });
    expect(body.tenantId).to.equal('acme');
    const forged = await rest.post('/v1/chats', { kind: 'group', memberIds: [], actorId: 'bob', tenantId: 'default' });
    expect(forged.status).to.equal(422);
    expect(rest.gateway.lastBody).to.include({ tenantId: 'default', actorId: 'alice' });
  });

  it('contain the bearer token, so that a worker can authenticate the actor', async () => {
    const token = await tokenFor('alice');
    await rest.post('/v1/chats', { kind: 'group', memberIds: [] }, { token });
    expect(rest.gateway.last.authorization).to.equal(`Bearer ${token}`);
  });

  it('contain the trace context of the request, or a new one', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const create = (headers: Record<string, string>) =>
      rest.post('/v1/chats', { kind: 'group', memberIds: [] }, { headers });

    await create({ traceparent, tracestate: 'a=1' });
    expect(rest.gateway.last).to.include({ traceparent, tracestate: 'a=1' });
    await create({ traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, tracestate: 'a=1' });
    expect(rest.gateway.last.tracestate).to.equal(null);
    expect(rest.gateway.last.traceparent).to.match(/^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-00$/);
  });

  describe('and their ids', () => {
    it('are new UUIDv7 values without an Idempotency-Key', async () => {
      const { body } = await rest.post('/v1/chats', { kind: 'group', memberIds: [] });
      expect(version(body.commandId)).to.equal(7);
    });

    it('are the same for an Idempotency-Key with quotes (IETF draft) and without', async () => {
      const chatId = await rest.group();
      const send = (value: string) => rest.post(`/v1/chats/${chatId}/messages`, { body: 'once' }, key(value));
      const [quoted, plain] = [await send('"send-1"'), await send('send-1')];
      expect([quoted.status, plain.status]).to.deep.equal([201, 200]);
      expect(quoted.body.commandId).to.equal('send-1');
      expect(plain.body).to.deep.equal({ ...quoted.body, replayed: true });
    });

    for (const bad of [
      'a b',
      'ü',
      '"',
      '""',
      '"open',
      '""twice""',
      '"a b"',
      '"a";b=1',
      `"${'x'.repeat(129)}"`,
      'x'.repeat(129),
      'a,b',
    ])
      it(`are refused as malformed for the Idempotency-Key ${bad.slice(0, 12)}`, async () => {
        const published = rest.gateway.published.length;
        const { status, body } = await rest.post('/v1/chats', { kind: 'group', memberIds: [] }, key(bad));
        expect([status, body.type]).to.deep.equal([400, '/problems/malformed']);
        expect(rest.gateway.published).to.have.length(published);
      });

    it('make a repeat harmless: the first receipt, marked as replayed, with 200', async () => {
      const chatId = await rest.group();
      const send = () => rest.post(`/v1/chats/${chatId}/messages`, { body: 'once' }, key('send-1'));
      const [first, second] = [await send(), await send()];
      expect([first.status, second.status]).to.deep.equal([201, 200]);
      expect(second.body).to.deep.equal({ ...first.body, replayed: true });
      expect((await rest.get(`/v1/chats/${chatId}/messages`)).body.items).to.have.length(1);
    });

    it('make the repeat of a creation without a chat id harmless too', async () => {
      const create = (as: string, headers = key('create-1')) =>
        rest.post('/v1/chats', { kind: 'group', memberIds: ['bob'] }, { ...headers, as });
      const [first, second] = [await create('alice'), await create('alice')];
      expect([first.status, second.status]).to.deep.equal([201, 200]);
      expect(second.body.chatId).to.equal(first.body.chatId);
      expect((await create('bob')).body.chatId).to.not.equal(first.body.chatId);
      expect((await create('alice', key('create-2'))).body.chatId).to.not.equal(first.body.chatId);
    });

    it('return the same refusal for a repeat', async () => {
      const chatId = await rest.group();
      const send = () => rest.post(`/v1/chats/${chatId}/messages`, { body: '' }, key('send-1'));
      const [first, second] = [await send(), await send()];
      expect([first.status, second.status]).to.deep.equal([422, 422]);
      expect(second.body).to.deep.equal(first.body);
    });
  });

  it("that write the caller's profile answer 201 at first and 200 later", async () => {
    const put = (displayName: string) => rest.call('PUT', '/v1/me', { json: { displayName } });
    const first = await put('Alice');
    expect([first.status, first.headers.get('location')]).to.deep.equal([201, '/v1/users/alice']);
    expect(first.body).to.include({ type: 'user.upsert', chatId: null, sequence: null });
    expect(rest.gateway.last.routingKey).to.equal('alice');
    expect(rest.gateway.lastBody).to.deep.equal({
      tenantId: 'default',
      actorId: 'alice',
      data: { displayName: 'Alice' },
    });
    expect((await put('Alice B.')).status).to.equal(200);
    expect((await rest.get('/v1/users/alice')).body).to.include({ displayName: 'Alice B.', revision: 2 });
  });

  it("that set the user's kind are invalid, and not published", async () => {
    const { status, body } = await rest.call('PUT', '/v1/me', { json: { displayName: 'A', kind: 'bot' } });
    expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
    expect(body.violations[0].path).to.equal('data.kind');
    expect(rest.gateway.published).to.be.empty;
  });

  it('to an invalid chat id are not found, and not published', async () => {
    expect((await rest.post('/v1/chats/x/messages', { body: 'hi' })).status).to.equal(404);
    expect((await rest.delete('/v1/chats/x/members/bob')).status).to.equal(404);
    expect((await rest.put('/v1/chats/x/archive')).status).to.equal(404);
    expect((await rest.put('/v1/chats/x/read', { upTo: 1 })).status).to.equal(404);
    expect(rest.gateway.published).to.be.empty;
  });

  describe('whose receipt does not arrive in time', () => {
    it('return the receipt that was stored meanwhile', async () => {
      const chatId = await rest.group();
      rest.gateway.onNext(async (command) => {
        await rest.gateway.decide(command);
        return null;
      });
      const { status, headers, body } = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hello' });
      // 201 would say that this is the first answer, and the first one may have reached another request under the same
      // key.
      expect([status, body.status, body.sequence, body.replayed]).to.deep.equal([200, 'accepted', 2, true]);
      expect(headers.get('location')).to.equal(null);
    });

    it('return the refusal that was stored meanwhile', async () => {
      rest.gateway.onNext(async (command) => {
        await rest.gateway.decide(command);
        return null;
      });
      const { status, body } = await rest.post('/v1/chats', { kind: 'party' });
      expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
    });

    it('answer 202 with the location of the receipt', async () => {
      rest.gateway.onNext(async () => null);
      const { status, body, headers } = await rest.post('/v1/chats', { kind: 'group', memberIds: [] }, key('k~1:a'));
      expect(status).to.equal(202);
      expect(body).to.deep.equal({ commandId: 'k~1:a', type: 'chat.create', status: 'pending' });
      const location = headers.get('location') ?? '';
      expect((await rest.get(location)).status).to.equal(404);
      await rest.gateway.decide(rest.gateway.last);
      expect((await rest.get(location)).body).to.include({ commandId: 'k~1:a', status: 'accepted' });
    });

    const sendUnheard = (chatId: string, body: string, as = 'alice') => {
      rest.gateway.onNext(async () => null);
      return rest.post(`/v1/chats/${chatId}/messages`, { body }, { ...key('send-1'), as });
    };

    it('answer conflict for other content under the key of a stored receipt', async () => {
      const [chatId, otherChatId] = [await rest.group(), await rest.group()];
      await rest.post(`/v1/chats/${chatId}/messages`, { body: 'first' }, key('send-1'));
      for (const answer of [await sendUnheard(chatId, 'second'), await sendUnheard(otherChatId, 'first')]) {
        expect([answer.status, answer.body.type]).to.deep.equal([409, '/problems/conflict']);
        expect(answer.body.commandId).to.equal('send-1');
      }
    });

    it('return the earlier receipt for the same content at any age, and only to the same caller', async () => {
      const chatId = await rest.group();
      const first = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'first' }, key('send-1'));
      for (const record of rest.world.receipts.values()) record.receipt.at = '2026-01-01T00:00:00.000Z';
      const again = await sendUnheard(chatId, 'first');
      const at = '2026-01-01T00:00:00.000Z';
      expect([again.status, again.body]).to.deep.equal([200, { ...first.body, at, replayed: true }]);
      expect((await sendUnheard(chatId, 'first', 'bob')).status).to.equal(202);
    });

    it('answer conflict also for invalid content', async () => {
      const chatId = await rest.group();
      await rest.post(`/v1/chats/${chatId}/messages`, { body: '' }, key('send-1'));
      const again = await sendUnheard(chatId, '');
      expect([again.status, again.body.type]).to.deep.equal([422, '/problems/invalid']);
      const other = await sendUnheard(chatId, 'not empty');
      expect([other.status, other.body.type]).to.deep.equal([409, '/problems/conflict']);
    });
  });

  it('answer 500 for a faulty receipt, with only the command id', async () => {
    rest.gateway.onNext(async (command) => ({ ...acceptedReceiptOf(command), status: 'rejected' }));
    const { status, body } = await rest.post('/v1/chats', { kind: 'group', memberIds: [] });
    expect(status).to.equal(500);
    expect(body).to.deep.equal({
      type: '/problems/internal',
      title: 'Internal error',
      status: 500,
      commandId: rest.gateway.last.commandId,
    });
  });
});
