import { expect } from 'chai';
import { v4 } from 'uuid';
import { eventually } from '../../support/eventually.js';
import { CONSOLE, faultsOfChat, sequencesOf, WebhookStack, WITHIN_MS } from '../../support/webhooks/webhook-stack.js';
import { cli } from '../main/cli/run-cli.js';

describe('Webhooks on the real stack', function () {
  this.timeout(120_000);
  let stack: WebhookStack;

  before(async () => {
    stack = await WebhookStack.create({ WEBHOOK_TIMEOUT: '1s' });
    await stack.startRelay();
  });
  after(() => stack?.close());

  const say = (chatId: string, body: string) => stack.rest.say(chatId, body);

  it('get the events of their chats in order, signed, with the id of the event', async () => {
    const endpoint = await stack.endpoint();
    const [chatId, other] = [await stack.rest.group(['bob']), await stack.rest.group(['bob'])];
    const webhookId = await stack.webhook(endpoint, { eventTypes: ['message.created'], chatIds: [chatId] });
    for (let n = 0; n < 20; n += 1) await say(chatId, `text ${n}`);
    await say(other, 'not wanted');
    await stack.drained(webhookId);
    expect(endpoint.faults).to.deep.equal([]);
    expect(sequencesOf(endpoint.ids, chatId)).to.deep.equal(Array.from({ length: 20 }, (_, n) => n + 2));
    expect(endpoint.taken).to.have.length(20);
    const [{ event, headers } = { event: null, headers: {} }] = endpoint.taken;
    expect(event?.data).to.include({ body: 'text 0', chatId });
    expect(headers['content-type']).to.equal('application/cloudevents+json');
    expect(await stack.state(webhookId)).to.include({
      state: 'active',
      waiting: 0,
      parked: 0,
      failures: 0,
      secrets: 1,
    });
  });

  it('filter by the kind of the chat', async () => {
    const endpoint = await stack.endpoint();
    const webhookId = await stack.webhook(endpoint, { chatKinds: ['channel'], eventTypes: ['message.created'] });
    const group = await stack.rest.group([]);
    await say(group, 'in the group');
    const channel = await stack.rest.group([], { kind: 'channel' });
    await say(channel, 'in the channel');
    await stack.drained(webhookId);
    expect(endpoint.ids).to.deep.equal([`${channel}/2`]);
  });

  it('without a secret get nothing, say so, and get what has waited once there is one', async () => {
    const endpoint = await stack.endpoint();
    const chatId = await stack.rest.group([]);
    const webhookId = v4();
    await stack.rest.put(`/v1/webhooks/${webhookId}`, { url: endpoint.url, chatIds: [chatId] }, CONSOLE);
    await say(chatId, 'x');
    await eventually(async () => (await stack.state(webhookId)).waiting === 1, { within: WITHIN_MS, what: 'it waits' });
    expect((await stack.state(webhookId)).state).to.equal('no-secret');
    await stack.newSecret(webhookId, endpoint);
    await stack.drained(webhookId);
    expect(endpoint.ids).to.deep.equal([`${chatId}/2`]);
  });

  it('sign with both secrets during a rotation, and with the new one alone afterwards', async () => {
    const endpoint = await stack.endpoint();
    const chatId = await stack.rest.group([]);
    const webhookId = await stack.webhook(endpoint, { chatIds: [chatId] });
    const [old = ''] = endpoint.secrets;
    await stack.newSecret(webhookId, endpoint);
    await say(chatId, 'during');
    await stack.drained(webhookId);
    expect(String(endpoint.taken[0]?.headers['webhook-signature']).split(' ')).to.have.length(2);
    endpoint.secrets = [old];
    await say(chatId, 'the old one still verifies');
    await stack.drained(webhookId);
    expect(endpoint.faults).to.deep.equal([]);
    await stack.newSecret(webhookId, endpoint, 0);
    await say(chatId, 'only the newest is left');
    await stack.drained(webhookId);
    expect(String(endpoint.taken.at(-1)?.headers['webhook-signature']).split(' ')).to.have.length(1);
    expect(endpoint.faults).to.deep.equal([]);
  });

  it('let a failing chat wait while others go on, and deliver it in order afterwards', async () => {
    const endpoint = await stack.endpoint();
    const [bad, good] = [await stack.rest.group([]), await stack.rest.group([])];
    const webhookId = await stack.webhook(endpoint, { chatIds: [bad, good] });
    let isBroken = true;
    endpoint.behaviour = ({ event }) => (isBroken && event.data.chatId === bad ? 500 : 200);
    for (let n = 0; n < 3; n += 1) {
      await say(bad, `bad ${n}`);
      await say(good, `good ${n}`);
    }
    await eventually(() => sequencesOf(endpoint.ids, good).length === 3, {
      within: WITHIN_MS,
      what: 'the other goes on',
    });
    expect(sequencesOf(endpoint.ids, bad)).to.deep.equal([]);
    isBroken = false;
    await stack.drained(webhookId);
    expect(faultsOfChat(endpoint.ids, bad, 4, 2)).to.deep.equal([]);
  });

  it('park an event that is refused for good, list it, and deliver it again on request', async () => {
    const endpoint = await stack.endpoint();
    const chatId = await stack.rest.group([]);
    const webhookId = await stack.webhook(endpoint, { chatIds: [chatId] });
    endpoint.behaviour = ({ event }) => (event.data.body === 'refused' ? 422 : 200);
    for (const body of ['first', 'refused', 'last']) await say(chatId, body);
    await stack.drained(webhookId);
    expect(endpoint.ids).to.deep.equal([`${chatId}/2`, `${chatId}/4`]);
    const [parked] = await stack.deliveries(webhookId, 'parked');
    expect(parked).to.include({
      eventId: `${chatId}/3`,
      state: 'parked',
      code: 'status-422',
      attempts: 1,
      nextAt: null,
    });
    endpoint.behaviour = () => 200;
    const replayed = await stack.rest.post(`/v1/webhooks/${webhookId}/replay`, { parked: true }, CONSOLE);
    expect(replayed.body).to.deep.equal({ events: 1, nextSequence: null });
    await stack.drained(webhookId);
    expect(endpoint.ids.at(-1)).to.equal(`${chatId}/3`);
    expect((await stack.state(webhookId)).parked).to.equal(0);
  });

  it('deliver the events of a chat again from a sequence on', async () => {
    const endpoint = await stack.endpoint();
    const chatId = await stack.rest.group([]);
    const webhookId = await stack.webhook(endpoint, { eventTypes: ['message.created'] });
    for (let n = 0; n < 5; n += 1) await say(chatId, String(n));
    await stack.drained(webhookId);
    const before = endpoint.ids.length;
    const replayed = await stack.rest.post(`/v1/webhooks/${webhookId}/replay`, { chatId, fromSequence: 4 }, CONSOLE);
    expect(replayed.body).to.deep.equal({ events: 3, nextSequence: null });
    await stack.drained(webhookId);
    expect(endpoint.ids.slice(before)).to.deep.equal([4, 5, 6].map((sequence) => `${chatId}/${sequence}`));
  });

  it('stop at 410, say so, and go on where they stopped when resumed', async () => {
    const endpoint = await stack.endpoint();
    const chatId = await stack.rest.group([]);
    const webhookId = await stack.webhook(endpoint, { chatIds: [chatId] });
    endpoint.behaviour = () => 410;
    await say(chatId, 'gone');
    await eventually(async () => (await stack.state(webhookId)).state === 'gone', { within: WITHIN_MS, what: 'gone' });
    expect(endpoint.received).to.have.length(1);
    endpoint.behaviour = () => 200;
    expect((await stack.rest.post(`/v1/webhooks/${webhookId}/resume`, {}, CONSOLE)).status).to.equal(200);
    await stack.drained(webhookId);
    expect(endpoint.ids).to.deep.equal([`${chatId}/2`]);
  });

  it('honour Retry-After, for the whole endpoint', async () => {
    const endpoint = await stack.endpoint();
    const [one, two] = [await stack.rest.group([]), await stack.rest.group([])];
    const webhookId = await stack.webhook(endpoint, { chatIds: [one, two] });
    let limitedAt = 0;
    endpoint.behaviour = ({ at }) => {
      if (limitedAt !== 0) return 200;
      limitedAt = at;
      return { status: 429, headers: { 'retry-after': '1' } };
    };
    await say(one, 'x');
    await eventually(async () => (await stack.state(webhookId)).notBefore !== null, {
      within: WITHIN_MS,
      what: 'a pause',
    });
    await say(two, 'y');
    await stack.drained(webhookId);
    expect(endpoint.taken).to.have.length(2);
    for (const { at } of endpoint.taken) expect(at - limitedAt).to.be.at.least(950);
  });

  it('pause visibly while the endpoint is down, and lose and skip nothing', async () => {
    const endpoint = await stack.endpoint();
    const chats = [await stack.rest.group([]), await stack.rest.group([]), await stack.rest.group([])];
    const webhookId = await stack.webhook(endpoint, { chatIds: chats });
    await endpoint.kill();
    for (let n = 0; n < 4; n += 1) for (const chatId of chats) await say(chatId, String(n));
    const failing = await eventually(
      async () => {
        const state = await stack.state(webhookId);
        return state.state === 'failing' && state.failures >= 5 ? state : null;
      },
      { within: WITHIN_MS, what: 'it fails visibly' },
    );
    expect(failing).to.include({ waiting: 12, lastCode: 'econnrefused', parked: 0 });
    await endpoint.restart();
    await stack.drained(webhookId);
    for (const chatId of chats) expect(faultsOfChat(endpoint.ids, chatId, 5, 2)).to.deep.equal([]);
    expect(await stack.state(webhookId)).to.include({ state: 'active', failures: 0, lastCode: null });
  });

  it('are not delayed by one whose endpoint does not answer', async () => {
    const [slow, fast] = [await stack.endpoint(), await stack.endpoint()];
    const chats = await Promise.all(Array.from({ length: 8 }, () => stack.rest.group([])));
    slow.behaviour = () => null;
    const slowId = await stack.webhook(slow, { chatIds: chats });
    const fastId = await stack.webhook(fast, { chatIds: chats });
    for (const chatId of chats) await say(chatId, 'x');
    await stack.drained(fastId);
    expect(fast.taken).to.have.length(8);
    const [first = { at: 0 }, last = { at: 0 }] = [fast.taken[0], fast.taken.at(-1)];
    expect(last.at - first.at, 'less than one time-out of the slow one').to.be.below(1_000);
    expect(slow.taken).to.deep.equal([]);
    expect((await stack.state(slowId)).waiting).to.equal(8);
    await stack.rest.delete(`/v1/webhooks/${slowId}`, CONSOLE);
  });

  it('send the text as it is then: an erased one is not sent any more', async () => {
    const endpoint = await stack.endpoint();
    const chatId = await stack.rest.group([]);
    const webhookId = await stack.webhook(endpoint, { chatIds: [chatId], eventTypes: ['message.created'] });
    await stack.rest.post(`/v1/webhooks/${webhookId}/pause`, {}, CONSOLE);
    const { messageId } = await say(chatId, 'a secret');
    await eventually(async () => (await stack.state(webhookId)).waiting === 1, { within: WITHIN_MS, what: 'it waits' });
    await stack.rest.delete(`/v1/chats/${chatId}/messages/${messageId}`);
    await stack.rest.post(`/v1/webhooks/${webhookId}/resume`, {}, CONSOLE);
    await stack.drained(webhookId);
    expect(endpoint.taken[0]?.event.data).to.include({ body: null, erased: true });
  });

  it('are listed, shown, paused and replayed on the command line', async () => {
    const endpoint = await stack.endpoint();
    const chatId = await stack.rest.group([]);
    const webhookId = await stack.webhook(endpoint, { chatIds: [chatId] });
    endpoint.behaviour = () => 404;
    await say(chatId, 'refused');
    await stack.drained(webhookId);
    const run = async (...args: string[]) => cli(args, { DATABASE_URL: stack.rest.fleet.databaseUrl });
    const listed = await run('webhooks', 'list', '--tenant', 'default');
    expect(listed.stdout.find((line) => line.includes(webhookId))).to.match(/ active +0 +1 /);
    const shown = await run('webhooks', 'show', webhookId);
    expect(shown.stdout.join('\n')).to.match(/active, 1 secret\n0 waiting; 1 parked\n/);
    expect(shown.stdout.at(-1)).to.match(new RegExp(`^${chatId}/2 +status-404 +1 `));
    expect((await run('webhooks', 'pause', webhookId)).stdout).to.deep.equal(['paused']);
    endpoint.behaviour = () => 200;
    expect((await run('webhooks', 'replay', webhookId, '--parked')).stdout).to.deep.equal(['due: 1 event']);
    const status = await run('relay', 'status');
    expect(status.stdout.at(-1)).to.match(/^deliveries to webhooks: [1-9]\d* waiting, .*; \d+ parked; [1-9]\d* paused/);
    expect(endpoint.taken).to.deep.equal([]);
    expect((await run('webhooks', 'resume', webhookId)).stdout).to.deep.equal(['resumed']);
    await stack.drained(webhookId);
    expect(endpoint.ids).to.deep.equal([`${chatId}/2`]);
    const unknown = await run('webhooks', 'pause', v4());
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr.join()).to.match(/has no webhook/);
    expect((await run('webhooks', 'replay', webhookId, '--chat', chatId)).stderr.join()).to.match(/--from-sequence/);
  });

  it('are for services alone', async () => {
    const put = await stack.rest.put(`/v1/webhooks/${v4()}`, { url: 'https://bot.example/' });
    expect([put.status, put.body.type]).to.deep.equal([403, '/problems/not_permitted']);
    for (const path of ['/v1/webhooks', `/v1/webhooks/${v4()}`, `/v1/webhooks/${v4()}/deliveries`])
      expect((await stack.rest.get(path)).status, path).to.equal(403);
    for (const what of ['secrets', 'replay', 'pause', 'resume'])
      expect((await stack.rest.post(`/v1/webhooks/${v4()}/${what}`, { parked: true })).status, what).to.equal(403);
  });
});
