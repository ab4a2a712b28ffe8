import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { smallestIdAt } from '../../../src/application/ports/store/decision-log.js';
import type { DecisionRecord } from '../../../src/application/ports/store/decision-record.js';
import { newOrderedId } from '../../../src/application/runtime/ordered-id.js';
import { canonicalDigest } from '../../../src/contract/messages/content-hash.js';
import { Owner } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

function aDecision(over: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    decisionId: newOrderedId(),
    at: new Date('2026-11-20T20:15:00.123Z'),
    tenantId: 'default',
    actorId: 'alice',
    commandId: randomUUID(),
    chatId: randomUUID(),
    action: 'message.send',
    effect: 'deny',
    rule: null,
    policyVersion: 'default-1@0123456789ab',
    attributes: {
      action: 'message.send',
      actor: { tenantId: 'default', userId: 'alice', kind: 'human', claims: { teams: ['a "b"', '\\'] }, token: null },
      producer: { userId: null, appId: 'test' },
      chat: { kind: 'group', archived: false },
      role: 'reader',
      target: null,
      grantedRole: null,
      message: null,
      text: { length: 5, hasLinks: false, mentions: 0, attachments: 0 },
      deleteMode: null,
      profile: null,
      user: null,
      decision: null,
    },
    refusedAs: null,
    ...over,
  };
}

const digest = ({ attributes }: DecisionRecord) => Buffer.from(canonicalDigest(attributes)).toString('hex');
const at = (time: number) => smallestIdAt(new Date(time));

export function decisionLogConformance(open: OpenStore): void {
  describe('as decision log', () => {
    let store: StoreHarness;
    before(async () => {
      store = await open();
    });
    after(() => store.close());

    it('returns a decision as recorded, with a digest of its attributes', async () => {
      const ofCommand = aDecision();
      const ofQuery = aDecision({
        commandId: null,
        chatId: null,
        action: 'chat.view',
        effect: 'permit',
        rule: 'members-view',
      });
      const refusedAfterAll = aDecision({ effect: 'permit', rule: 'members-post', refusedAs: 'archived' });
      await store.decisions.record([ofCommand, ofQuery, refusedAfterAll]);
      for (const decision of [ofCommand, ofQuery, refusedAfterAll])
        expect(await store.decisions.find(decision.decisionId)).to.deep.equal({
          ...decision,
          attributesDigest: digest(decision),
        });
      expect(await store.decisions.find(newOrderedId())).to.equal(null);
    });

    it('stores the decisions of a batch atomically with the batch', async () => {
      const owner = await Owner.of(store, 0);
      const [first, second] = [aDecision(), aDecision()];
      await owner.write(() => ({ decisions: [first, second] }));
      expect(await store.decisions.find(second.decisionId)).to.deep.equal({
        ...second,
        attributesDigest: digest(second),
      });
      const late = aDecision();
      await Owner.of(store, 0);
      await owner.write(() => ({ decisions: [late] })).catch(() => undefined); // fenced out
      expect(await store.decisions.find(late.decisionId)).to.equal(null);
    });

    it('pages from a time on, in the order of the decisions', async () => {
      const ids = [3_000, 1_000, 2_000, 2_000].map((time, index) => at(time).replace(/0$/, String(index)));
      await store.decisions.record(ids.map((decisionId) => aDecision({ decisionId })));
      const page = async (since: number, after: string | null, limit: number) =>
        (await store.decisions.page(new Date(since), after, limit)).map(({ decisionId }) => decisionId);
      const [third, first, , second] = ids as [string, string, string, string];
      expect(await page(1_000, null, 1)).to.deep.equal([first]);
      expect(await page(2_000, null, 3)).to.deep.equal([ids[2], second, third]);
      expect(await page(1_000, second, 1)).to.deep.equal([third]);
    });

    it('prunes decisions before a time, the oldest first, up to a limit', async () => {
      const ids = [10, 20, 30].map(at);
      await store.decisions.record(ids.map((decisionId) => aDecision({ decisionId })));
      expect(await store.decisions.prune(new Date(30), 1)).to.equal(1);
      expect(await store.decisions.find(ids[0] as string)).to.equal(null);
      expect(await store.decisions.find(ids[1] as string)).not.to.equal(null);
      expect(await store.decisions.prune(new Date(30), 10)).to.equal(1);
      expect(await store.decisions.find(ids[2] as string)).not.to.equal(null);
    });

    it('stores the first text of a policy version', async () => {
      expect(await store.decisions.findPolicy('mine@1')).to.equal(null);
      await store.decisions.savePolicy('mine@1', 'rules: []\n');
      await store.decisions.savePolicy('mine@1', 'something else');
      expect(await store.decisions.findPolicy('mine@1')).to.equal('rules: []\n');
    });
  });
}
