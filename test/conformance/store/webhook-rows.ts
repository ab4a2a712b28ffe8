import { expect } from 'chai';
import { v4 } from 'uuid';
import { webhookKey } from '../../../src/application/ports/store/command-store.js';
import type { Webhook } from '../../../src/domain/webhook.js';
import { failsAs, Owner } from './fixtures.js';
import type { OpenStore, StoreHarness } from './store-conformance.js';

const AT = new Date('2026-01-01T00:00:00.123Z');
const aWebhook = (over: Partial<Webhook> = {}): Webhook => ({
  ...{
    tenantId: 'default',
    webhookId: v4(),
    url: 'https://bot.example/"\\x',
    eventTypes: ['message.created', 'chat.read'],
  },
  ...{ chatIds: null, chatKinds: ['group', 'channel'], offlineOnly: false, isEnabled: true, revision: 1 },
  ...{ createdAt: AT, updatedAt: AT },
  ...over,
});
const put = (webhook: Webhook) => {
  const { tenantId, webhookId, revision } = webhook;
  return { tenantId, webhookId, webhook, previousRevision: revision - 1 };
};
const gone = ({ tenantId, webhookId, revision }: Webhook) => ({
  ...{ tenantId, webhookId, webhook: null, previousRevision: revision },
});

export function webhookRowsConformance(open: OpenStore): void {
  describe('as command store, of webhooks', () => {
    let store: StoreHarness;
    let owner: Owner;
    before(async () => {
      store = await open();
      owner = await Owner.of(store);
    });
    after(() => store.close());

    const of = async (tenantId: string) => {
      const { webhooks } = await owner.read({ webhookTenants: [tenantId] });
      return [...webhooks.values()];
    };

    it('reads all webhooks of a tenant as they were written', async () => {
      const tenantId = `t-${v4().slice(0, 8)}`;
      const some = aWebhook({ tenantId });
      const other = aWebhook({ tenantId, eventTypes: null, chatIds: [v4(), v4()], chatKinds: null, offlineOnly: true });
      await owner.write(() => ({ webhooks: [put(some), put(other), put(aWebhook())] }));
      expect(await of(tenantId)).to.have.deep.members([some, other]);
      expect(await of('nobody')).to.deep.equal([]);
    });

    it('changes, deletes and creates in one batch', async () => {
      const tenantId = `t-${v4().slice(0, 8)}`;
      const [changed, deleted, created] = [aWebhook({ tenantId }), aWebhook({ tenantId }), aWebhook({ tenantId })];
      await owner.write(() => ({ webhooks: [put(changed), put(deleted)] }));
      const next = { ...changed, eventTypes: null, isEnabled: false, revision: 2 };
      await owner.write(() => ({ webhooks: [put(next), gone(deleted), put(created)] }));
      expect(await of(tenantId)).to.have.deep.members([next, created]);
    });

    it('refuses a change of another revision as contention, without any effect', async () => {
      const tenantId = `t-${v4().slice(0, 8)}`;
      const webhook = aWebhook({ tenantId });
      await owner.write(() => ({ webhooks: [put(webhook)] }));
      const later = { ...webhook, revision: 3 };
      for (const write of [put(webhook), put(later), gone({ ...webhook, revision: 2 })])
        await failsAs(
          owner.write(() => ({ webhooks: [write, put(aWebhook({ tenantId }))] })),
          'contention',
        );
      expect(await of(tenantId)).to.deep.equal([webhook]);
      expect(webhookKey(webhook)).to.equal(`${tenantId} ${webhook.webhookId}`);
    });
  });
}
