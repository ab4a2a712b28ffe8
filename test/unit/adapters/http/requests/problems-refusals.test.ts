import { expect } from 'chai';
import type { RefusalCode } from '../../../../../src/contract/messages/problems.js';
import { expectProblem, REFUSAL_STATUS } from '../expect-problem.js';
import { RestHarness } from '../rest-harness.js';

describe('REST problems for refusals of the worker', () => {
  let rest: RestHarness;

  beforeEach(async () => {
    rest = await new RestHarness().start();
  });
  afterEach(() => rest.stop());

  const create = (more: object = {}) => rest.post('/v1/chats', { kind: 'group', memberIds: [], ...more });

  for (const [code, status] of Object.entries(REFUSAL_STATUS) as [RefusalCode, number][])
    it(`have the type ${code} and status ${status}`, async () => {
      rest.gateway.refuseNext(code);
      expectProblem(await create(), code);
    });

  it('contain all details of the receipt', async () => {
    const violations = [{ path: 'data.body', message: 'is too rude' }];
    rest.gateway.refuseNext('moderated', { detail: 'by rule 7', violations });
    const { body } = await rest.post(
      '/v1/chats',
      { kind: 'group', memberIds: [] },
      { headers: { 'idempotency-key': 'k1' } },
    );
    expect(body).to.deep.include({ detail: 'by rule 7', violations, commandId: 'k1' });
    expect(body).to.not.have.property('decisionId');
  });

  it('name the policy decision', async () => {
    const chatId = (await create({ kind: 'channel', memberIds: ['bob'] })).body.chatId;
    const answer = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hi' }, { as: 'bob' });
    expectProblem(answer, 'not_permitted');
    expect(answer.body.detail).to.include('members-post');
    const receipt = await rest.get(`/v1/receipts/${answer.body.commandId}`, { as: 'bob' });
    expect(answer.body.decisionId).to.be.a('string').and.to.equal(receipt.body.decisionId);
  });

  it('have Retry-After in seconds', async () => {
    rest.gateway.refuseNext('rate_limited', { retryAfter: 2.5 });
    const { headers, body } = await create();
    expect([headers.get('retry-after'), body.retryAfter]).to.deep.equal(['3', 2.5]);
  });

  it('have a challenge for authentication', async () => {
    rest.gateway.refuseNext('unauthenticated');
    expect((await create()).headers.get('www-authenticate')).to.match(/^Bearer /);
  });

  it('distinguish state from permission: a muted member, an archived chat', async () => {
    const chatId = await rest.group();
    const send = () => rest.post(`/v1/chats/${chatId}/messages`, { body: 'hi' }, { as: 'bob' });
    const [chat, bob] = [rest.world.chats.get(chatId), rest.world.members.get(chatId)?.get('bob')];
    if (chat === undefined || bob === undefined) throw new Error('not stored');
    bob.mutedUntil = new Date(Date.now() + 60_000);
    expectProblem(await send(), 'muted');
    bob.mutedUntil = null;
    chat.archivedAt = new Date();
    expectProblem(await send(), 'archived');
  });

  it("are the same for a non-member's chat and an unknown chat", async () => {
    const chatId = await rest.group();
    const missing = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
    const answers = [chatId, missing].map((id) =>
      rest.post(`/v1/chats/${id}/messages`, { body: 'hi' }, { as: 'mallory' }),
    );
    const [theirs, none] = (await Promise.all(answers)).map(({ status, body: { commandId, ...body } }) => ({
      status,
      body,
    }));
    expect(theirs).to.deep.equal(none);
    expect(none?.status).to.equal(404);
  });
});
