import { expect } from 'chai';
import { v7 } from 'uuid';
import { addressOfNobody } from '../../support/broker/direct-reply-address.js';
import { eventually } from '../../support/eventually.js';
import { holdPartition } from '../../support/fleet/held-partition.js';
import { freshVhost, manage, rabbitmq } from '../../support/services/services.js';
import type { RestAnswer } from '../../unit/adapters/http/rest-client.js';
import { Outsider } from '../amqp/amqp-harness.js';
import { RestStack } from './rest/rest-stack.js';

const WITHIN_MS = 15_000;
const RECEIPT_WAIT_MS = 3_000;
const START_TIMEOUT_MS = 120_000;

const underKey = (key: string) => ({ headers: { 'idempotency-key': key } });

describe('Receipts on the real stack', () => {
  describe('that reach REST', () => {
    let rest: RestStack;

    before(async function () {
      this.timeout(START_TIMEOUT_MS);
      rest = await RestStack.create({ RECEIPT_TIMEOUT: `${RECEIPT_WAIT_MS}ms` });
      await rest.run('worker');
      await rest.run('api');
    });
    after(() => rest?.close());

    const partitionOf = async (chatId: string) => {
      const [row] = await rest.fleet.query<{ partition: number }>('SELECT partition FROM chats WHERE chat_id = $1', [
        chatId,
      ]);
      return row?.partition ?? expect.fail(`no chat ${chatId}`);
    };
    /** Two chats of alice's in two partitions. */
    const twoChats = async () => {
      const first = await rest.group();
      const home = await partitionOf(first);
      for (;;) {
        const second = await rest.group();
        if ((await partitionOf(second)) !== home) return { first, second };
      }
    };
    const bodiesIn = async (chatId: string) => {
      const { body } = await rest.get(`/v1/chats/${chatId}/messages`);
      return body.items.map((message: { body: string }) => message.body);
    };
    const send = (chatId: string, body: string, key: string) =>
      rest.post(`/v1/chats/${chatId}/messages`, { body }, underKey(key));

    it("are a conflict, not another command's receipt, if a key is reused during a slow batch", async function () {
      this.timeout(START_TIMEOUT_MS);
      const { first, second } = await twoChats();
      const key = v7();
      const held = await holdPartition(rest.fleet.databaseUrl, await partitionOf(second));
      try {
        const asked = send(second, 'second', key);
        await eventually(
          async () => {
            const [row] = await rest.fleet.query<{ waiting: number }>(
              `SELECT count(*)::int AS waiting FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'`,
            );
            return (row?.waiting ?? 0) > 0;
          },
          { within: RECEIPT_WAIT_MS, what: 'the command waits for its partition' },
        );
        expect((await send(first, 'first', key)).status).to.equal(201);
        const answer = await asked;
        expect([answer.status, answer.body.type]).to.deep.equal([409, '/problems/conflict']);
        expect(answer.body.commandId).to.equal(key);
      } finally {
        await held.release();
      }
      // What the answer says is what the worker then decides.
      expect((await rest.say(second, 'later')).sequence).to.equal(2);
      expect(await bodiesIn(second)).to.deep.equal(['later']);
      expect(await bodiesIn(first)).to.deep.equal(['first']);
    });

    it('have replayed: false once per effect, for concurrent repeats over REST and AMQP', async function () {
      this.timeout(START_TIMEOUT_MS);
      const chatId = await rest.group();
      await rest.fleet.connect();
      for (let round = 1; round <= 10; round += 1) {
        const commandId = v7();
        const data = { body: `round ${round}` };
        const ask = () => send(chatId, data.body, commandId);
        const [published, ...answered] = await Promise.all([
          rest.fleet.producer.request({ type: 'message.send', commandId, actorId: 'alice', chatId, data }),
          ask(),
          ask(),
        ]);
        const receipts = [published, ...answered.map(({ body }) => body)];
        expect(new Set(receipts.map(({ messageId }) => messageId)).size).to.equal(1);
        expect(receipts.filter(({ replayed }) => replayed === false)).to.have.length(1);
      }
    });

    it('are not delayed by commands with a reply address of an unknown node', async function () {
      this.timeout(START_TIMEOUT_MS);
      const chatId = await rest.group();
      const outsider = await Outsider.connect(rest.fleet.amqpUrl);
      const forge = () =>
        outsider.publish(`${rest.fleet.namespace}.commands`, chatId, Buffer.from('{"actorId":"mallory"}'), {
          type: 'message.send',
          messageId: v7(),
          contentType: 'application/json',
          replyTo: addressOfNobody(),
        });
      const answers: number[] = [];
      for (let round = 0; round < 8; round += 1) {
        await forge();
        const askedAt = Date.now();
        const { status } = await send(chatId, `round ${round}`, v7());
        expect(status).to.equal(201);
        answers.push(Date.now() - askedAt);
      }
      await outsider.close();
      expect(Math.max(...answers), answers.join(', ')).to.be.below(RECEIPT_WAIT_MS);
    });
  });

  describe('that do not reach REST, which looks them up', () => {
    const removals: (() => Promise<unknown>)[] = [];
    let rest: RestStack;
    let chatId: string;

    before(async function () {
      this.timeout(START_TIMEOUT_MS);
      const { node } = await rabbitmq();
      if (node === undefined) this.skip(); // users can be made only at a node of our own
      const { url, remove } = await freshVhost();
      rest = await RestStack.create({ RECEIPT_TIMEOUT: '1s' }, url);
      // The worker may do everything but publish to the default exchange, and that is how receipts go out.
      const mute = new URL(url);
      mute.username = `mute-${rest.fleet.namespace}`;
      mute.password = 'only-for-this-test';
      await manage(node, 'PUT', `users/${mute.username}`, { password: mute.password, tags: '' });
      const rights = { configure: '.*', write: `^${rest.fleet.namespace}\\.`, read: '.*' };
      await manage(node, 'PUT', `permissions/${mute.pathname.slice(1)}/${mute.username}`, rights);
      removals.push(() => manage(node, 'DELETE', `users/${mute.username}`), remove);
      await rest.run('api');
      await rest.runWith({ AMQP_URL: mute.href }, 'worker');
      const { body } = await answered(() => rest.post('/v1/chats', { kind: 'group', memberIds: ['bob'] }));
      chatId = body.chatId;
    });
    after(async () => {
      await rest?.close();
      for (const remove of removals) await remove();
    });

    /** On a busy machine the command may not have been decided in time: then another one is asked for. */
    const answered = (ask: () => Promise<RestAnswer>) =>
      eventually(
        async () => {
          const answer = await ask();
          return answer.status === 202 ? null : answer;
        },
        { within: WITHIN_MS, what: 'an answer that was looked up' },
      );

    it('have replayed: true, with 200, for two concurrent requests', async function () {
      this.timeout(START_TIMEOUT_MS);
      const [one, two] = await eventually(
        async () => {
          const headers = underKey(v7());
          const ask = () => rest.post(`/v1/chats/${chatId}/messages`, { body: 'once' }, headers);
          const answers = await Promise.all([ask(), ask()]);
          return answers.every(({ status }) => status !== 202) ? answers : null;
        },
        { within: WITHIN_MS, what: 'two answers that were looked up' },
      );
      expect([one?.status, two?.status]).to.deep.equal([200, 200]);
      expect(one?.body).to.deep.equal(two?.body);
      expect(one?.body).to.include({ status: 'accepted', replayed: true });
      const stored = await rest.get(`/v1/receipts/${one?.body.commandId}`);
      expect({ ...stored.body, replayed: true }).to.deep.equal(one?.body);
    });

    it('are the stored receipt for a repeated command', async function () {
      this.timeout(START_TIMEOUT_MS);
      const headers = underKey(v7());
      const ask = () => rest.post(`/v1/chats/${chatId}/messages`, { body: 'again' }, headers);
      const first = await answered(ask);
      const second = await ask();
      expect([second.status, second.body]).to.deep.equal([200, first.body]);
    });

    it('are a conflict for other content with the key of an earlier command', async function () {
      this.timeout(START_TIMEOUT_MS);
      const headers = underKey(v7());
      await answered(() => rest.post(`/v1/chats/${chatId}/messages`, { body: 'one' }, headers));
      const other = await rest.post(`/v1/chats/${chatId}/messages`, { body: 'two' }, headers);
      expect([other.status, other.body.type]).to.deep.equal([409, '/problems/conflict']);
    });
  });
});
