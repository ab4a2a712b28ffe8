/** Gateways must not hide that no delivery service gets the events: none of their queues is bound to `chat.events`. */
import amqp, { type Channel } from 'amqplib';
import { expect } from 'chai';
import { names } from '../../../../src/contract/messages/topology.js';
import { eventually } from '../../../support/eventually.js';
import { RealtimeTestClient } from '../../../support/realtime/realtime-client.js';
import { tokenFor } from '../../../unit/adapters/http/rest-client.js';
import { RestStack } from '../rest/rest-stack.js';

const TEST_TIMEOUT_MS = 120_000;
const WITHIN_MS = 30_000;
const TOKEN_TTL_S = 600;

describe('A dispatch queue without bindings', function () {
  this.timeout(TEST_TIMEOUT_MS);
  let stack: RestStack;
  let client: RealtimeTestClient;
  let chatId: string;
  let connection: Awaited<ReturnType<typeof amqp.connect>>;
  let channel: Channel;

  before(async () => {
    stack = await RestStack.create();
    await stack.run('worker', 'api', 'gateway');
    const { body } = await stack.post('/v1/chats', { kind: 'group', memberIds: ['bob'] });
    chatId = body.chatId;
    client = new RealtimeTestClient({ url: () => stack.url, token: () => tokenFor('bob', TOKEN_TTL_S) });
    await client.connect();
    connection = await amqp.connect(stack.fleet.amqpUrl);
    channel = await connection.createChannel();
    await eventually(async () => (await unpublished()) === 0, { within: WITHIN_MS, what: 'events are published' });
    await channel.unbindQueue(dispatch(), events(), '#');
  });
  after(async () => {
    await client?.drop();
    await connection?.close();
    await stack?.close();
  });

  const dispatch = () => `${stack.fleet.namespace}.dispatch`;
  const events = () => names.events(stack.fleet.namespace);
  const unpublished = async () => {
    const [row] = await stack.fleet.query<{ count: number }>(
      'SELECT sum(position - published_through)::int4 AS count FROM partitions',
    );
    return row?.count ?? 0;
  };
  const say = async (body: string) => {
    await stack.post(`/v1/chats/${chatId}/messages`, { body });
    await eventually(() => client.texts(chatId).at(-1) === body, { within: WITHIN_MS, what: `${body} at the client` });
  };

  it('keeps events in the log while clients of a gateway get them, and gets all of them when it is bound again', async () => {
    const { messageCount: before } = await channel.checkQueue(dispatch());
    await say('nobody dispatches this');
    // The event was returned by the broker, not confirmed into a queue of the gateway.
    const isReturned = async () => (await stack.counted('parley_events_total', { outcome: 'returned' })) > 0;
    await eventually(isReturned, { within: WITHIN_MS, what: 'the event is returned' });
    expect(await unpublished()).to.be.greaterThan(0);
    await channel.bindQueue(dispatch(), events(), '#');
    await eventually(async () => (await unpublished()) === 0, { within: WITHIN_MS, what: 'events are published' });
    expect((await channel.checkQueue(dispatch())).messageCount).to.equal(before + 1);
    await channel.unbindQueue(dispatch(), events(), '#');
  });

  it('would lose events if a gateway bound its queue to chat.events, and this test would notice', async () => {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, events(), '#');
    await say('lost to dispatch');
    await eventually(async () => (await unpublished()) === 0, {
      within: WITHIN_MS,
      what: 'the event counts as published',
    });
  });
});
