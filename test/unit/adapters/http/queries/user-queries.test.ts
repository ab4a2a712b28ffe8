import { expect } from 'chai';
import { RestHarness } from '../rest-harness.js';

describe('REST queries about users and receipts', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  it("return only the caller's stored receipts", async () => {
    const chatId = await rest.group();
    const { body: receipt } = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hi' });
    const path = `/v1/receipts/${receipt.commandId}`;
    expect((await rest.get(path)).body).to.deep.equal(receipt);
    expect((await rest.get(path, { as: 'bob' })).status).to.equal(404);
    expect((await rest.get(path, { as: 'acme/alice' })).status).to.equal(404);
    expect((await rest.get('/v1/receipts/unheard-of')).status).to.equal(404);
  });

  it("return profiles of the caller's tenant; a user without a profile is not found", async () => {
    await rest.call('PUT', '/v1/me', {
      json: { displayName: 'Alice', avatarUrl: 'https://a.example.com/1', metadata: { x: 1 } },
    });
    const { status, body } = await rest.get('/v1/users/alice', { as: 'bob' });
    expect(status).to.equal(200);
    expect(body).to.include({ tenantId: 'default', userId: 'alice', displayName: 'Alice', kind: 'human', revision: 1 });
    expect(body.metadata).to.deep.equal({ x: 1 });
    expect(body).to.have.property('presence', 'shared');
    expect((await rest.call('PUT', '/v1/me', { json: { presence: 'hidden' } })).status).to.equal(200);
    expect((await rest.get('/v1/users/alice', { as: 'bob' })).body).to.include({
      ...{ displayName: 'Alice', avatarUrl: 'https://a.example.com/1', presence: 'hidden', revision: 2 },
    });
    expect((await rest.get('/v1/users/alice', { as: 'acme/bob' })).status).to.equal(404);
    expect((await rest.get('/v1/users/bob')).status).to.equal(404);
  });
});
