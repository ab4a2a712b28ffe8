import { expect } from 'chai';
import { MemoryQuotas } from '../../../../src/adapters/quotas/memory-quotas.js';
import type { Quota } from '../../../../src/application/ports/quotas.js';
import { StoreError } from '../../../../src/application/ports/store/command-store.js';
import { TokenKeysUnavailable, type TokenVerifier } from '../../../../src/application/ports/token-verifier.js';
import { commandTypes } from '../../../../src/contract/messages/commands.js';
import { receipt } from '../../../../src/contract/messages/receipts.js';
import type { Draft } from '../commands/decider-harness.js';
import { create, GROUP, OTHER_GROUP, send } from '../commands/drafts.js';
import { WorkerHarness, type WorkerHarnessOptions } from '../processing/worker-harness.js';

const sends: Quota = { id: 'sends', per: 'actor', actions: ['message.send'], limit: 2, windowMs: 3_600_000 };
const everything: Quota = { ...sends, id: 'everything', actions: commandTypes };

const sendAs = (actorId: string, commandId: string, chatId = GROUP): Draft =>
  send(actorId, chatId, commandId, {}, { commandId });

describe('A worker whose policy has quotas', () => {
  let harness: WorkerHarness;
  afterEach(() => harness?.close());

  async function opened(quotas: Quota[], options: WorkerHarnessOptions = {}): Promise<void> {
    harness = await WorkerHarness.open({ quotas: new MemoryQuotas(quotas), ...options });
    await harness.given(create('alice', GROUP, ['bob']));
  }

  it('answers commands over a quota in their place, and acknowledges them with the batch', async () => {
    await opened([sends]);
    const receipts = await harness.answers(
      ...['a1', 'a2', 'a3'].map((id) => sendAs('alice', id)),
      sendAs('bob', 'b1'),
      sendAs('alice', 'a4'),
      sendAs('bob', 'b2'),
    );
    expect(receipts.map(({ commandId, reason }) => `${commandId} ${reason?.code ?? 'accepted'}`)).to.deep.equal([
      ...['a1 accepted', 'a2 accepted', 'a3 rate_limited', 'b1 accepted', 'a4 rate_limited', 'b2 accepted'],
    ]);
    expect(harness.bodies(GROUP)).to.deep.equal(['a1', 'a2', 'b1', 'b2']);
    expect(await harness.nothingLeft()).to.equal(true);
  });

  it('names the quota and the retry time, as in the contract', async () => {
    await opened([{ ...sends, limit: 1 }]);
    const [, refused] = await harness.answers(sendAs('alice', 'a1'), sendAs('alice', 'a2'));
    expect(receipt.strict().parse(refused)).to.deep.equal(refused);
    const { at, reason, ...rest } = refused ?? {};
    expect(rest).to.deep.equal({
      ...{ commandId: 'a2', type: 'message.send', status: 'rejected', tenantId: 'default', chatId: GROUP },
      ...{ messageId: null, sequence: null, decisionId: null, replayed: false },
    });
    expect(Date.parse(at ?? '')).to.be.closeTo(Date.now(), 60_000);
    expect(reason).to.include({ code: 'rate_limited', title: 'Too many commands' });
    expect(reason?.detail).to.equal('quota sends: at most 1 in 3600 s for each actor');
    expect(reason?.retryAfter).to.be.within(3_500, 3_600);
  });

  it('reads, decides, stores and publishes nothing for them', async () => {
    await opened([{ ...sends, limit: 1 }]);
    const decided = harness.world.log.get(0)?.length;
    await harness.answers(sendAs('alice', 'a1'));
    const tried = harness.store.tried.length;
    await harness.answers(sendAs('alice', 'a2'), sendAs('alice', 'a3', OTHER_GROUP));
    expect(harness.store.tried, 'a transaction for nothing but refusals').to.have.length(tried);
    await harness.answers(sendAs('alice', 'a4'), sendAs('bob', 'b1'), sendAs('alice', 'a5'));
    expect(harness.store.tried.slice(tried).flat()).to.deep.equal(['b1']);
    expect(harness.world.log.get(0)).to.have.length((decided ?? 0) + 2);
    expect([...harness.world.receipts.keys()])
      .to.include('default bob b1')
      .and.not.to.include('default alice a2');
    await harness.published();
    expect(harness.events.filter(({ type }) => type === 'command.rejected')).to.deep.equal([]);
  });

  it('accepts the same command later when there is room', async () => {
    const quotas = new MemoryQuotas([{ ...sends, limit: 1 }]);
    await opened([], { quotas });
    await harness.answers(sendAs('alice', 'a1'));
    expect((await harness.answers(sendAs('alice', 'a2')))[0]?.reason?.code).to.equal('rate_limited');
    quotas.replace([sends]);
    expect((await harness.answers(sendAs('alice', 'a2')))[0]).to.include({ status: 'accepted', replayed: false });
  });

  it('neither counts nor refuses redelivered commands', async () => {
    await opened([{ ...sends, limit: 1 }]);
    harness.source.deliveryCountOf = ({ messageId }) => (messageId?.startsWith('again') ? 1 : undefined);
    const receipts = await harness.answers(
      ...['again1', 'again2', 'a1', 'a2', 'again3'].map((id) => sendAs('alice', id)),
    );
    expect(receipts.map(({ reason }) => reason?.code)).to.deep.equal([
      ...[undefined, undefined, undefined, 'rate_limited', undefined],
    ]);
  });

  it('answers committed commands as accepted when their batch is redelivered after a lost channel', async () => {
    await opened([{ ...sends, limit: 2 }]);
    let losses = 1;
    harness.store.after = () => {
      if (losses-- > 0) void harness.source.lose();
    };
    await harness.answers(sendAs('alice', 'a1'), sendAs('alice', 'a2'));
    await harness.until('both are answered for their second delivery', () =>
      ['a1', 'a2'].every((id) => harness.receipts.some(({ commandId, replayed }) => commandId === id && replayed)),
    );
    expect(harness.receipts.filter(({ status }) => status === 'rejected')).to.deep.equal([]);
  });

  it('counts a batch once, even if it is processed several times', async () => {
    await opened([{ ...sends, limit: 2 }]);
    let unknowns = 3;
    harness.store.after = () => {
      if (unknowns-- > 0) throw new StoreError('unknown', 'nobody knows');
    };
    const receipts = await harness.answers(...['a1', 'a2', 'a3'].map((id) => sendAs('alice', id)));
    expect(receipts.map(({ status }) => status)).to.deep.equal(['accepted', 'accepted', 'rejected']);
    expect(receipts.map(({ replayed }) => replayed)).to.deep.equal([true, true, false]);
    expect(harness.bodies(GROUP)).to.deep.equal(['a1', 'a2']);
  });

  it('counts and refuses invalid commands too', async () => {
    await opened([{ ...everything, limit: 3 }]);
    const invalid = send('alice', GROUP, '');
    const unknown = { ...send('alice', GROUP), type: 'message.shout' };
    const receipts = await harness.answers(invalid, unknown, invalid, unknown, sendAs('alice', 'a1'));
    expect(receipts.map(({ reason }) => reason?.code)).to.deep.equal([
      ...['invalid', 'unsupported_type', 'rate_limited', 'rate_limited', 'rate_limited'],
    ]);
  });

  it('distinguishes actors of different tenants', async () => {
    await opened([{ ...sends, limit: 1 }]);
    const elsewhere = send('alice', OTHER_GROUP, 'hi', {}, { tenantId: 'acme' });
    const receipts = await harness.answers(elsewhere, sendAs('alice', 'a1'), elsewhere, sendAs('alice', 'a2'));
    expect(receipts.map(({ reason }) => reason?.code)).to.deep.equal([
      ...['not_found', undefined, 'rate_limited', 'rate_limited'],
    ]);
  });

  it('distinguishes producers by the verified broker user, else by their app id', async () => {
    await opened([{ ...sends, per: 'producer', limit: 1 }]);
    const from = (properties: object, id: string): Draft => ({ ...sendAs('alice', id), properties });
    const senders = [{ userId: 'shop' }, { userId: 'shop', appId: 'x' }, { appId: 'shop' }, { appId: 'x' }, {}, {}];
    const receipts = await harness.answers(...senders.map((properties, index) => from(properties, `c${index}`)));
    expect(receipts.map(({ reason }) => reason?.code)).to.deep.equal([
      ...[undefined, 'rate_limited', undefined, undefined, undefined, 'rate_limited'],
    ]);
  });

  describe('and authenticates actors', () => {
    const verifier = (isAway: () => boolean = () => false): TokenVerifier => ({
      verify: async (token) => {
        if (isAway()) throw new TokenKeysUnavailable('no keys');
        return { ok: true, actor: { tenantId: 'default', userId: token }, claims: {} };
      },
    });
    const carrying = (token: string, draft: Draft): Draft => ({
      ...draft,
      properties: { headers: { authorization: `Bearer ${token}` }, appId: 'app' },
    });

    it('counts unauthenticated commands only for their producer, not for the named actor', async () => {
      harness = await WorkerHarness.open({
        verifier: verifier(),
        quotas: new MemoryQuotas([
          { ...sends, limit: 1 },
          { ...sends, id: 'tenants', per: 'tenant', limit: 1 },
          { ...sends, id: 'programs', per: 'producer', limit: 4 },
        ]),
      });
      await harness.given(carrying('alice', create('alice', GROUP, ['mallory'])));
      const claimed = ['m1', 'm2', 'm3'].map((id) => carrying('mallory', sendAs('alice', id)));
      const receipts = await harness.answers(
        ...claimed,
        carrying('alice', sendAs('alice', 'a1')),
        carrying('mallory', sendAs('alice', 'm4')),
      );
      expect(receipts.map(({ reason }) => reason?.code)).to.deep.equal([
        ...['unauthenticated', 'unauthenticated', 'unauthenticated', undefined, 'rate_limited'],
      ]);
    });

    it('counts nothing while the token keys are unavailable', async () => {
      let isAway = false;
      let asked = 0;
      const counting = verifier(() => {
        asked += 1;
        return isAway;
      });
      harness = await WorkerHarness.open({ verifier: counting, quotas: new MemoryQuotas([{ ...sends, limit: 1 }]) });
      await harness.given(carrying('alice', create('alice', GROUP, [])));
      isAway = true;
      asked = 0;
      harness.publish(carrying('alice', sendAs('alice', 'a1')));
      await harness.until('it was tried again', () => asked > 2);
      isAway = false;
      await harness.until('it is answered', () => harness.receipts.length === 2);
      expect(harness.receipts.at(-1)?.status).to.equal('accepted');
    });
  });
});

describe('Two workers with the same policy', () => {
  it('count separately: together they accept at most twice the limit', async () => {
    const labs = [
      await WorkerHarness.open({ quotas: new MemoryQuotas([sends]) }),
      await WorkerHarness.open({ quotas: new MemoryQuotas([sends]) }),
    ];
    try {
      let through = 0;
      for (const [index, harness] of labs.entries()) {
        const chatId = index === 0 ? GROUP : OTHER_GROUP;
        await harness.given(create('alice', chatId, []));
        const receipts = await harness.answers(
          ...Array.from({ length: 10 }, (_, n) => sendAs('alice', `s${n}`, chatId)),
        );
        through += receipts.filter(({ status }) => status === 'accepted').length;
      }
      expect(through).to.equal(2 * sends.limit);
    } finally {
      await Promise.all(labs.map((harness) => harness.close()));
    }
  });
});
