import { expect } from 'chai';
import { v4 } from 'uuid';
import { faultsOf } from '../../support/fleet/ledger.js';
import type { TestProcess } from '../../support/fleet/processes.js';
import type { CommandToSend } from '../../support/fleet/producer.js';
import { policyFilePath, writePolicyWith } from '../../support/policies/policy-with.js';
import { RestStack } from './rest/rest-stack.js';

const TENANT_SENDS = 50;
const FLOOD = 400;

const SENDS = `{ id: tenant-sends, per: tenant, actions: [message.send], limit: ${TENANT_SENDS}, window: 1h }`;
const CHAT_UPDATES = '{ id: chat-updates, per: chat, actions: [chat.update], limit: 3, window: 1h }';
const oneChat = (limit: number) => `{ id: chats, per: actor, actions: [chat.create], limit: ${limit}, window: 1h }`;

describe('Quotas on a real broker, a real database and a worker process', () => {
  const policyFile = policyFilePath();
  let rest: RestStack;
  let running: TestProcess;

  before(async function () {
    this.timeout(60_000);
    writePolicyWith(policyFile, [SENDS, CHAT_UPDATES, oneChat(1)]);
    rest = await RestStack.create({ POLICY_FILE: policyFile });
    running = await rest.run('worker', 'api');
    await rest.fleet.connect();
  });
  after(() => rest?.close());

  async function group(tenantId: string): Promise<(id: string) => CommandToSend> {
    const chatId = v4();
    const actorId = `${tenantId}-owner`;
    const data = { kind: 'group', memberIds: ['bob'] };
    await rest.fleet.producer.request({
      ...{ type: 'chat.create', commandId: 'create', tenantId, actorId, chatId, data },
    });
    return (id) => ({ type: 'message.send', commandId: id, tenantId, actorId, chatId, data: { body: id } });
  }

  const bodies = async (tenantId: string) =>
    (
      await rest.fleet.query<{ body: string }>(
        'SELECT body FROM messages JOIN chats USING (chat_id) WHERE chats.tenant_id = $1 ORDER BY sequence',
        [tenantId],
      )
    ).map(({ body }) => body);

  const numbered = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);

  it("refuse messages of a flooding tenant, and accept all of its neighbour's in order", async () => {
    const { producer } = rest.fleet;
    const flooding = await group('flood');
    const calm = await group('calm');
    await Promise.all(
      numbered(FLOOD).flatMap((id, index) => {
        const theirs = producer.publish(flooding(id));
        return index % (FLOOD / TENANT_SENDS) === 0
          ? [theirs, producer.publish(calm(`m${index / (FLOOD / TENANT_SENDS)}`))]
          : [theirs];
      }),
    );
    await rest.fleet.allAnswered();
    expect(await bodies('calm')).to.deep.equal(numbered(TENANT_SENDS));
    expect(await bodies('flood')).to.deep.equal(numbered(TENANT_SENDS));
    const refused = { type: 'message.send', status: 'rejected', code: 'rate_limited' };
    expect(await rest.counted('parley_commands_total', refused)).to.equal(FLOOD - TENANT_SENDS);
    const verdict = await rest.fleet.ledger.close(rest.fleet.databaseUrl);
    expect(faultsOf(verdict), JSON.stringify(verdict)).to.deep.equal([]);
    const kept = await rest.fleet.query(
      `SELECT 1 FROM receipts r WHERE EXISTS (SELECT FROM chat_events e WHERE e.command_id LIKE 'm%'
         AND receipt_key(e.tenant_id, e.actor_id, e.command_id) = r.key)`,
    );
    expect(kept, 'refusals are not stored').to.have.length(2 * TENANT_SENDS);
  });

  it('per chat are used up only by members; a non-member gets the refusal of an unknown chat', async () => {
    const { producer } = rest.fleet;
    const own = (await group('quiet'))('').chatId ?? '';
    const retitle = (actorId: string, chatId: string, id: string): CommandToSend => ({
      ...{ type: 'chat.update', commandId: id, tenantId: 'quiet', actorId, chatId, data: { title: id } },
    });
    const missing = v4();
    const asked = async (round: string) => {
      const ids = Array.from({ length: 20 }, (_, index) => `${round}-${index}`);
      const receipts = await Promise.all(
        ids.flatMap((id) =>
          [own, missing].map((chatId) => producer.request(retitle('mallory', chatId, `${id}-${chatId}`))),
        ),
      );
      const answers = receipts.map(({ commandId: _id, chatId: _chat, at: _at, ...told }) => JSON.stringify(told));
      expect(new Set(answers), answers[0]).to.have.property('size', 1);
      expect(receipts[0]?.reason?.code).to.equal('not_found');
    };
    await asked('before');
    const codes: (string | undefined)[] = [];
    for (const id of ['u1', 'u2', 'u3', 'u4', 'u5'])
      codes.push((await producer.request(retitle('quiet-owner', own, id))).reason?.code);
    expect(codes).to.deep.equal([undefined, undefined, undefined, 'rate_limited', 'rate_limited']);
    await asked('after');
  });

  it('are answered over REST with 429 and Retry-After', async () => {
    const once = { headers: { 'idempotency-key': 'second' } };
    const make = (request: object = {}) => rest.post('/v1/chats', { kind: 'group', memberIds: [] }, request);
    expect((await make()).status).to.equal(201);
    const { status, headers, body } = await make(once);
    expect(status).to.equal(429);
    expect(Number(headers.get('retry-after'))).to.be.within(1, 3_600);
    expect(body).to.include({ type: '/problems/rate_limited', status: 429, commandId: 'second' });
    expect(body.retryAfter).to.equal(Number(headers.get('retry-after')));
    expect(body).not.to.have.property('decisionId');
    expect((await rest.get('/v1/receipts/second')).status).to.equal(404);
  });

  it('change with the policy on SIGHUP; unchanged quotas keep their counts', async () => {
    writePolicyWith(policyFile, [SENDS, CHAT_UPDATES, oneChat(2)]);
    running.send('SIGHUP');
    await running.line(/policy replaced/);
    await rest.group();
    const receipt = await rest.fleet.producer.request((await group('flood'))('one-more'));
    expect(receipt.reason?.code).to.equal('rate_limited');
  });
});
