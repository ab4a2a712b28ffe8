import { expect } from 'chai';
import { MemoryQuotas } from '../../../../src/adapters/quotas/memory-quotas.js';
import type { Quota } from '../../../../src/application/ports/quotas.js';
import { StoreError } from '../../../../src/application/ports/store/command-store.js';
import { commandTypes } from '../../../../src/contract/messages/commands.js';
import { type Receipt, receipt } from '../../../../src/contract/messages/receipts.js';
import type { Draft } from '../commands/decider-harness.js';
import { add, archive, create, edit, GROUP, NOWHERE, react, read, remove, send, update } from '../commands/drafts.js';
import { WorkerHarness, type WorkerHarnessOptions } from '../processing/worker-harness.js';

const sends: Quota = { id: 'sends', per: 'chat', actions: ['message.send'], limit: 2, windowMs: 3_600_000 };
const everything: Quota = { ...sends, id: 'everything', actions: commandTypes };

const sendAs = (actorId: string, commandId: string, chatId = GROUP): Draft =>
  send(actorId, chatId, commandId, {}, { commandId });
const codes = (receipts: readonly Receipt[]) =>
  receipts.map(({ commandId, reason }) => `${commandId} ${reason?.code ?? 'accepted'}`);
/** The receipt without its command id, chat and time. */
const told = (receipts: readonly Receipt[]) =>
  receipts.map(({ commandId: _id, chatId: _chat, at: _at, ...rest }) => JSON.stringify(rest));

/** What strangers try: whatever there is to do in a chat. */
const attempts = (chatId: string): Draft[] => [
  ...[send('mallory', chatId), add('mallory', chatId, ['mallory']), remove('mallory', chatId, 'bob')],
  ...[edit('mallory', chatId, NOWHERE, {}), react('mallory', chatId, NOWHERE), read('mallory', chatId, 1)],
  ...[update('mallory', chatId, { title: 'mine' }), archive('mallory', chatId)],
  ...[send('mallory', chatId, ''), send('alice', chatId, 'hi', {}, { tenantId: 'acme' })],
];

describe('A worker whose policy has a quota per chat', () => {
  let harness: WorkerHarness;
  afterEach(() => harness?.close());

  /** A group of alice, bob and carl; rita is a reader. */
  async function opened(quotas: Quota[], options: WorkerHarnessOptions = {}): Promise<void> {
    harness = await WorkerHarness.open({ quotas: new MemoryQuotas(quotas), ...options });
    await harness.given(create('alice', GROUP, ['bob', 'carl']), add('alice', GROUP, ['rita'], 'reader'));
  }

  /** The transactions tried since then. */
  const triedSince = (count: number) => harness.store.tried.slice(count).flat();

  it('accepts commands up to the limit in the order of arrival, and refuses the others, of any member', async () => {
    await opened([sends]);
    const receipts = await harness.answers(
      ...[sendAs('alice', 'a1'), sendAs('bob', 'b1'), sendAs('alice', 'a2'), sendAs('carl', 'c1'), sendAs('bob', 'b2')],
    );
    expect(codes(receipts)).to.deep.equal([
      ...['a1 accepted', 'b1 accepted', 'a2 rate_limited', 'c1 rate_limited', 'b2 rate_limited'],
    ]);
    expect(harness.bodies(GROUP)).to.deep.equal(['a1', 'b1']);
    expect(codes(await harness.answers(sendAs('carl', 'c2'), react('carl', GROUP, NOWHERE)))[0]).to.equal(
      'c2 rate_limited',
    );
  });

  it('refuses in the same way before and after the decision, and neither stores nor publishes refusals', async () => {
    await opened([{ ...sends, limit: 1 }]);
    const events = harness.world.log.get(0)?.length ?? 0;
    const [, decided] = await harness.answers(sendAs('alice', 'a1'), sendAs('alice', 'a2'));
    const [turnedAway] = await harness.answers(sendAs('alice', 'a3'));
    for (const refused of [decided, turnedAway]) {
      expect(receipt.strict().parse(refused)).to.deep.equal(refused);
      const { at: _, commandId: _id, reason, ...rest } = refused ?? {};
      expect(rest).to.deep.equal({
        ...{ type: 'message.send', status: 'rejected', tenantId: 'default', chatId: GROUP },
        ...{ messageId: null, sequence: null, decisionId: null, replayed: false },
      });
      expect(reason).to.include({ code: 'rate_limited', title: 'Too many commands' });
      expect(reason?.detail).to.equal('quota sends: at most 1 in 3600 s for each chat');
      expect(reason?.retryAfter).to.be.within(3_500, 3_600);
    }
    expect(harness.world.log.get(0)).to.have.length(events + 1);
    expect([...harness.world.receipts.keys()])
      .not.to.include('default alice a2')
      .and.not.to.include('default alice a3');
    expect(harness.world.decisions.size).to.equal(0);
    await harness.published();
    expect(harness.events.filter(({ type }) => type === 'command.rejected')).to.deep.equal([]);
  });

  it('reads and decides nothing for a member that it has refused before', async () => {
    await opened([{ ...sends, limit: 1 }]);
    await harness.answers(sendAs('alice', 'a1'), sendAs('alice', 'a2'));
    const tried = harness.store.tried.length;
    await harness.answers(sendAs('alice', 'a3'), sendAs('alice', 'a4'));
    await harness.answers(sendAs('alice', 'a5'));
    expect(triedSince(tried)).to.deep.equal([]);
    await harness.answers(sendAs('bob', 'b1'), sendAs('alice', 'a6'), sendAs('bob', 'b2'));
    await harness.answers(sendAs('bob', 'b3'));
    expect(triedSince(tried)).to.deep.equal(['b1', 'b2']);
  });

  it('is not used up by commands of non-members', async () => {
    await opened([{ ...everything, limit: 5 }]);
    // The chat's two first commands are its own creation, which is not counted, and an addition, which is.
    const flood = Array.from({ length: 10 }, () => attempts(GROUP)).flat();
    const receipts = await harness.answers(...flood, ...[1, 2, 3, 4, 5].map((n) => sendAs('bob', `b${n}`)), ...flood);
    expect(codes(receipts).filter((line) => /^b\d /.test(line))).to.deep.equal([
      ...['b1 accepted', 'b2 accepted', 'b3 accepted', 'b4 accepted', 'b5 rate_limited'],
    ]);
  });

  it('answers non-members like for an unknown chat, with and without room', async () => {
    await opened([{ ...everything, limit: 3 }]);
    const elsewhere = told(await harness.answers(...attempts(NOWHERE)));
    expect(told(await harness.answers(...attempts(GROUP)))).to.deep.equal(elsewhere);
    const between = await harness.answers(
      ...[sendAs('bob', 'b1'), ...attempts(GROUP), sendAs('bob', 'b2'), sendAs('bob', 'b3'), ...attempts(GROUP)],
    );
    const answers = told(between);
    expect(codes(between).filter((line) => /^b\d /.test(line))).to.deep.equal([
      ...['b1 accepted', 'b2 accepted', 'b3 rate_limited'],
    ]);
    expect(answers.slice(1, 1 + elsewhere.length)).to.deep.equal(elsewhere);
    expect(answers.slice(-elsewhere.length)).to.deep.equal(elsewhere);
    expect(codes(await harness.answers(sendAs('bob', 'b4')))).to.deep.equal(['b4 rate_limited']);
    expect(told(await harness.answers(...attempts(GROUP)))).to.deep.equal(elsewhere);
  });

  it('counts permitted commands, not denied ones', async () => {
    await opened([sends]);
    const tries = [1, 2, 3, 4, 5].map((n) => sendAs('rita', `r${n}`));
    const receipts = await harness.answers(
      ...tries,
      send('alice', GROUP, ''),
      sendAs('alice', 'a1'),
      sendAs('alice', 'a2'),
    );
    expect(new Set(codes(receipts.slice(0, 5)).map((line) => line.slice(3)))).to.deep.equal(new Set(['not_permitted']));
    expect(codes(receipts.slice(-2))).to.deep.equal(['a1 accepted', 'a2 accepted']);
    // A member without permission gets `not_permitted`, also when the quota is used up.
    expect((await harness.answers(sendAs('rita', 'r6')))[0]?.reason?.code).to.equal('not_permitted');
  });

  it('does not count chat creation, so creating a taken id does not use it up', async () => {
    await opened([{ ...everything, limit: 3 }]);
    const squatters = Array.from({ length: 5 }, () => create('mallory', GROUP, []));
    const receipts = await harness.answers(...squatters, sendAs('bob', 'b1'), sendAs('bob', 'b2'), ...squatters);
    expect(receipts.map(({ reason }) => reason?.code)).to.deep.equal([
      ...[...squatters.map(() => 'conflict'), undefined, undefined, ...squatters.map(() => 'conflict')],
    ]);
    expect(receipts.at(-1)?.reason).to.deep.equal(receipts[0]?.reason);
  });

  it('takes nothing if another quota refuses', async () => {
    await opened([sends, { ...sends, id: 'each', per: 'actor', limit: 1 }]);
    const receipts = await harness.answers(
      ...[
        sendAs('alice', 'a1'),
        sendAs('alice', 'a2'),
        sendAs('alice', 'a3'),
        sendAs('bob', 'b1'),
        sendAs('carl', 'c1'),
      ],
    );
    expect(codes(receipts)).to.deep.equal([
      ...['a1 accepted', 'a2 rate_limited', 'a3 rate_limited', 'b1 accepted', 'c1 rate_limited'],
    ]);
    expect(receipts.at(-1)?.reason?.detail).to.match(/^quota sends/);
  });

  describe('when a member is removed', () => {
    const full = () => [sendAs('alice', 'a1'), sendAs('alice', 'a2'), sendAs('bob', 'b1'), sendAs('bob', 'b2')];
    const gone = remove('alice', GROUP, 'bob');

    it('treats the user as a non-member afterwards', async () => {
      await opened([sends]);
      await harness.answers(...full());
      expect(codes(await harness.answers(sendAs('bob', 'b3')))).to.deep.equal(['b3 rate_limited']);
      await harness.given(gone);
      expect(codes(await harness.answers(sendAs('bob', 'b4')))).to.deep.equal(['b4 not_found']);
    });

    it('does so in the same batch, before and after', async () => {
      await opened([sends]);
      await harness.answers(...full());
      const receipts = await harness.answers(sendAs('bob', 'b3'), gone, sendAs('bob', 'b4'));
      expect(codes(receipts).filter((line) => /^b\d /.test(line))).to.deep.equal(['b3 rate_limited', 'b4 not_found']);
      expect(codes(await harness.answers(sendAs('bob', 'b5')))).to.deep.equal(['b5 not_found']);
    });

    it('does not cache a member who was first refused in the batch with the removal', async () => {
      await opened([sends]);
      const receipts = await harness.answers(...full(), gone);
      expect(codes(receipts)[3]).to.equal('b2 rate_limited');
      expect(codes(await harness.answers(sendAs('bob', 'b3')))).to.deep.equal(['b3 not_found']);
    });

    it('clears its cache at a take-over, because another worker may have removed members', async () => {
      await opened([sends]);
      await harness.answers(...full());
      harness.world.members.get(GROUP)?.delete('bob');
      let unknowns = 1;
      harness.store.after = () => {
        if (unknowns-- > 0) throw new StoreError('unknown', 'nobody knows');
      };
      await harness.answers(read('alice', GROUP, 1));
      expect(codes(await harness.answers(sendAs('bob', 'b3')))).to.deep.equal(['b3 not_found']);
    });
  });

  describe('when a batch is processed again', () => {
    const five = () => ['a1', 'a2', 'a3', 'a4', 'a5'].map((id) => sendAs('alice', id));
    const expected = ['a1 accepted', 'a2 accepted', 'a3 rate_limited', 'a4 rate_limited', 'a5 rate_limited'];

    it('counts once if nothing was written', async () => {
      await opened([{ ...sends, limit: 4 }]);
      const kinds = ['contention', 'unavailable', 'refused'] as const;
      const failures = [...kinds];
      harness.store.writing = () => {
        const kind = failures.shift();
        if (kind !== undefined) throw new StoreError(kind, 'not now');
      };
      const receipts = await harness.answers(...five());
      expect(codes(receipts)).to.deep.equal(
        five().map(({ commandId }, n) => `${commandId} ${n < 4 ? 'accepted' : 'rate_limited'}`),
      );
      expect(harness.told.filter((word) => word.startsWith('failed'))).to.deep.equal(
        kinds.map((kind) => `failed ${kind}`),
      );
    });

    it('counts once if the outcome was unknown', async () => {
      await opened([sends]);
      let unknowns = 3;
      harness.store.after = () => {
        if (unknowns-- > 0) throw new StoreError('unknown', 'nobody knows');
      };
      const receipts = await harness.answers(...five());
      expect(codes(receipts)).to.deep.equal(expected);
      expect(harness.bodies(GROUP)).to.deep.equal(['a1', 'a2']);
      expect(codes(await harness.answers(sendAs('bob', 'b1')))).to.deep.equal(['b1 rate_limited']);
    });

    it('neither counts nor refuses redelivered commands', async () => {
      await opened([sends]);
      harness.source.deliveryCountOf = ({ messageId }) => (messageId?.startsWith('again') ? 1 : undefined);
      const ids = ['again1', 'again2', 'again3', 'a1', 'a2', 'a3', 'again4'];
      const receipts = await harness.answers(...ids.map((id) => sendAs('alice', id)));
      expect(codes(receipts).filter((line) => !line.endsWith('accepted'))).to.deep.equal(['a3 rate_limited']);
      harness.source.deliveryCountOf = () => 1;
      expect(codes(await harness.answers(sendAs('alice', 'a4')))).to.deep.equal(['a4 accepted']);
    });
  });

  it('executes a repeated command once when there is room', async () => {
    const quotas = new MemoryQuotas([{ ...sends, limit: 1 }]);
    await opened([], { quotas });
    await harness.answers(sendAs('alice', 'a1'), sendAs('alice', 'a2'));
    quotas.replace([sends]);
    expect((await harness.answers(sendAs('alice', 'a2')))[0]).to.include({ status: 'accepted', replayed: false });
    expect(harness.bodies(GROUP)).to.deep.equal(['a1', 'a2']);
  });
});
