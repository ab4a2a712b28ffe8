import { expect } from 'chai';
import { eventually } from '../../../support/eventually.js';
import { RestStack } from './rest-stack.js';

const WITHIN_MS = 15_000;

describe('REST without a worker', () => {
  let rest: RestStack;

  before(async function () {
    this.timeout(60_000);
    rest = await RestStack.create({ RECEIPT_TIMEOUT: '200ms' });
    await rest.run('api');
  });
  after(() => rest?.close());

  it('accepts commands, and returns their receipts at the given location after a worker starts', async function () {
    this.timeout(60_000);
    const create = () =>
      rest.post('/v1/chats', { kind: 'group', memberIds: ['bob'] }, { headers: { 'idempotency-key': 'patient' } });
    const pending = await create();
    expect(pending.status).to.equal(202);
    expect(pending.body).to.deep.equal({ commandId: 'patient', type: 'chat.create', status: 'pending' });
    const location = pending.headers.get('location') ?? '';
    expect(location).to.equal('/v1/receipts/patient');
    expect((await rest.get(location)).status).to.equal(404);
    expect((await create()).status).to.equal(202);
    const unnamed = await rest.call('PUT', '/v1/me', { json: { displayName: 'Alice' } });
    expect([unnamed.status, unnamed.headers.get('location')]).to.deep.equal([
      202,
      `/v1/receipts/${unnamed.body.commandId}`,
    ]);

    const worker = await rest.run('worker');
    const receipt = await eventually(
      async () => {
        const answer = await rest.get(location);
        return answer.status === 200 ? answer.body : null;
      },
      { within: WITHIN_MS, what: 'the receipt at its location' },
    );
    expect(receipt).to.include({ commandId: 'patient', status: 'accepted', sequence: 1, replayed: false });
    expect((await rest.get(`/v1/chats/${receipt.chatId}/events`)).body.items).to.have.length(1);
    await eventually(async () => (await rest.get('/v1/users/alice')).status === 200, {
      within: WITHIN_MS,
      what: 'the profile',
    });
    // A busy machine may need longer than `RECEIPT_TIMEOUT`; asking again is what one does then.
    const again = await eventually(
      async () => {
        const answer = await create();
        return answer.status === 202 ? null : answer;
      },
      { within: WITHIN_MS, what: 'an answer in time to the same command' },
    );
    expect([again.status, again.body]).to.deep.equal([200, { ...receipt, replayed: true }]);
    expect((await rest.get('/v1/receipts/patient', { as: 'bob' })).status).to.equal(404);

    await worker.stop();
    const later = await rest.post(`/v1/chats/${receipt.chatId}/messages`, { body: 'anyone?' });
    expect(later.status).to.equal(202);
    expect((await rest.get(`/v1/chats/${receipt.chatId}/messages`)).body.items).to.deep.equal([]);
  });
});
