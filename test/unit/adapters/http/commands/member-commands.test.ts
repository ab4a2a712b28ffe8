import { expect } from 'chai';
import { RestHarness } from '../rest-harness.js';

describe('REST commands about members', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  it('that add members answer 201, and 200 if all are members already', async () => {
    const chatId = await rest.group();
    const add = (userIds: string[]) => rest.post(`/v1/chats/${chatId}/members`, { userIds, role: 'reader' });
    expect((await add(['carol', 'bob'])).status).to.equal(201);
    const { status, body } = await add(['carol']);
    expect([status, body.sequence]).to.deep.equal([200, null]);
  });

  it('that remove a member answer 200, with a percent-decoded user id', async () => {
    const chatId = await rest.group(['bob', 'b+1@x.org']);
    const remove = (who: string, as = 'alice') => rest.call('DELETE', `/v1/chats/${chatId}/members/${who}`, { as });
    const { status, body } = await remove(encodeURIComponent('b+1@x.org'));
    expect(status).to.equal(200);
    expect(body).to.include({ type: 'member.remove', status: 'accepted', sequence: 2 });
    expect(rest.gateway.lastBody.data).to.deep.equal({ userId: 'b+1@x.org' });
    await rest.post(`/v1/chats/${chatId}/members`, { userIds: ['carol'] });
    expect((await remove('alice')).body.type).to.equal('/problems/conflict');
    for (const who of ['bob', 'carol']) expect((await remove(who, who)).status).to.equal(200);
    // The only one who is left may leave, also as the owner.
    expect((await remove('alice')).status).to.equal(200);
  });

  describe('that change a member', () => {
    const mutedUntil = '2099-01-01T00:00:00.000Z';

    it('answer 200 with the receipt, and change the given fields', async () => {
      const chatId = await rest.group(['bob', 'b+1@x.org']);
      const change = (json: object) => rest.patch(`/v1/chats/${chatId}/members/b%2B1%40x.org`, json);
      const member = async () => {
        const { items } = (await rest.get(`/v1/chats/${chatId}/members`)).body;
        return items.find(({ userId }: { userId: string }) => userId === 'b+1@x.org');
      };
      const { status, body } = await change({ role: 'admin' });
      expect(status).to.equal(200);
      expect(body).to.include({ type: 'member.update', chatId, sequence: 2 });
      expect(rest.gateway.lastBody.data).to.deep.equal({ userId: 'b+1@x.org', role: 'admin' });
      await change({ mutedUntil });
      expect(await member()).to.include({ role: 'admin', mutedUntil });
      await change({ mutedUntil: null });
      expect(await member()).to.include({ role: 'admin', mutedUntil: null });
      expect((await change({ role: 'admin' })).body.sequence).to.equal(null);
    });

    for (const [what, given] of Object.entries({
      'an unknown role': { role: 'king' },
      'a time that is none': { mutedUntil: 'tomorrow' },
      'an unknown field': { colour: 'red' },
      'no object': 'admin',
    }))
      it(`answer 422 to ${what}`, async () => {
        const chatId = await rest.group();
        const { status, body } = await rest.patch(`/v1/chats/${chatId}/members/bob`, given);
        expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
      });

    it('answer 422 to a body with a user id, and publish nothing', async () => {
      const chatId = await rest.group(['bob', 'carol']);
      const published = rest.gateway.published.length;
      const { status, body } = await rest.patch(`/v1/chats/${chatId}/members/bob`, { userId: 'carol', role: 'admin' });
      expect([status, body.type]).to.deep.equal([422, '/problems/invalid']);
      expect(body.violations).to.deep.equal([
        { path: 'data.userId', message: 'must not be in the body, because the path contains it' },
      ]);
      expect(rest.gateway.published).to.have.length(published);
    });

    it('answer 403 without permission, 404 for a non-member, 409 for the last owner', async () => {
      const chatId = await rest.group(['bob', 'carol']);
      const change = (who: string, as: string) =>
        rest.patch(`/v1/chats/${chatId}/members/${who}`, { role: 'reader' }, { as });
      expect((await change('carol', 'bob')).body.type).to.equal('/problems/not_permitted');
      expect((await change('dave', 'alice')).body.type).to.equal('/problems/not_found');
      expect((await change('%20', 'alice')).body.type).to.equal('/problems/not_found');
      expect((await change('bob', 'mallory')).body.type).to.equal('/problems/not_found');
      expect((await change('alice', 'alice')).body.type).to.equal('/problems/conflict');
    });
  });
});
