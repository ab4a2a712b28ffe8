import { expect } from 'chai';
import { v7 } from 'uuid';
import { eventually } from '../../../support/eventually.js';
import { RestStack } from './rest-stack.js';

const WITHIN_MS = 10_000;

describe("REST's effects besides responses, on the real stack", () => {
  let rest: RestStack;

  before(async function () {
    this.timeout(60_000);
    rest = await RestStack.create();
    await rest.run('worker', 'api');
    await rest.listen();
  });
  after(() => rest?.close());

  const eventOf = (chatId: string, sequence: number) =>
    eventually(() => rest.events.find(({ properties }) => properties.messageId === `${chatId}/${sequence}`), {
      within: WITHIN_MS,
      what: `event ${sequence} of the chat`,
    });

  it('copies the trace of a request to the header of its event', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const chatId = await rest.group([]);
    const { body } = await rest.post(
      `/v1/chats/${chatId}/messages`,
      { body: 'x' },
      { headers: { traceparent, tracestate: 'a=1' } },
    );
    const event = await eventOf(chatId, body.sequence);
    expect(event.properties.headers).to.include({ traceparent, tracestate: 'a=1', 'chat-id': chatId });
    const plain = await rest.say(chatId, 'y');
    const untraced = await eventOf(chatId, plain.sequence);
    expect(untraced.properties.headers?.traceparent).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  for (const userId of ['auth0|5f7c8ec7c33c6c004bbafe82', '_svc', '-x', 'a|b.c:d+e@f'])
    it(`accepts user ids of identity providers, also in routing keys and paths: ${userId}`, async () => {
      const as = { as: userId };
      const path = encodeURIComponent(userId);
      const chatId = await rest.group(['bob'], {}, userId);
      expect((await rest.put('/v1/me', { displayName: 'Somebody' }, as)).status).to.equal(201);
      await rest.post(`/v1/chats/${chatId}/messages`, { body: 'hello', mentions: [userId] }, as);
      const profile = await rest.get(`/v1/users/${path}`);
      expect([profile.status, profile.body.userId]).to.deep.equal([200, userId]);
      const upserted = await eventually(
        () => rest.events.find(({ fields }) => fields.routingKey === `user.upserted.default.${userId}`),
        { within: WITHIN_MS, what: 'the event of the profile' },
      );
      expect(JSON.parse(upserted.content.toString()).data).to.include({ userId, actorId: userId });
      const members = await rest.get(`/v1/chats/${chatId}/members`, as);
      expect(members.body.items.map((member: { userId: string }) => member.userId)).to.have.members(['bob', userId]);
      const removed = await rest.delete(`/v1/chats/${chatId}/members/${path}`, { as: 'bob' });
      expect(removed.status).to.equal(403);
    });

  it('counts requests in the metrics of its ops port', async () => {
    const chatId = await rest.group([]);
    const count = async () => ({
      accepted: await rest.counted('parley_commands_total', {
        type: 'message.send',
        status: 'accepted',
        replayed: 'false',
      }),
      replayed: await rest.counted('parley_commands_total', { type: 'message.send', replayed: 'true' }),
      hidden: await rest.counted('parley_commands_total', { type: 'message.send', code: 'not_found' }),
      published: await rest.counted('parley_events_total', { outcome: 'confirmed' }),
      batches: await rest.counted('parley_batch_commands_count'),
      publishing: await rest.counted('parley_stage_duration_count', { stage: 'publish' }),
      unsent: await rest.counted('parley_receipts_unsent_total', { why: 'ignored' }),
    });
    const before = await count();
    for (const repeat of [false, true])
      expect(
        (
          await rest.post(
            `/v1/chats/${chatId}/messages`,
            { body: 'x' },
            { headers: { 'idempotency-key': `counted-${chatId}` } },
          )
        ).body.replayed,
      ).to.equal(repeat);
    await rest.post(`/v1/chats/${v7()}/messages`, { body: 'x' });
    await rest.publish(chatId, { type: 'chat.archive', replyTo: 'somebody-elses-queue' });
    await eventually(
      async () => {
        const now = await count();
        expect(now.accepted - before.accepted).to.equal(1);
        expect(now.replayed - before.replayed).to.equal(1);
        expect(now.hidden - before.hidden).to.equal(1);
        expect(now.published - before.published).to.be.at.least(1);
        expect(now.batches - before.batches).to.be.within(1, 4);
        expect(now.publishing - before.publishing).to.be.within(1, 4);
        expect(now.unsent - before.unsent).to.equal(1);
        return true;
      },
      { within: WITHIN_MS, what: 'the counters move by what was done' },
    );
    expect(await rest.counted('parley_partition_owned', { partition: '0' })).to.equal(1);
  });
});
