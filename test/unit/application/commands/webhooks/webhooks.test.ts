import { expect } from 'chai';
import { v4 } from 'uuid';
import { userKey } from '../../../../../src/application/ports/store/command-store.js';
import { DeciderHarness } from '../decider-harness.js';
import { deleteWebhook, SERVICE, upsertWebhook } from '../drafts.js';

const ID = '0199c1e0-1a2b-7c3d-8e4f-5a6b7c8d9e0f';

describe('Writing a webhook', () => {
  let harness: DeciderHarness;
  beforeEach(() => {
    harness = new DeciderHarness();
    harness.users.set(userKey(SERVICE), SERVICE);
  });
  const types = () => harness.log.map(({ event }) => event.type);

  it('creates it with defaults, and changes nothing the second time', () => {
    harness.given(upsertWebhook(ID), upsertWebhook(ID));
    expect([...harness.webhooks.values()]).to.deep.equal([
      {
        ...{ tenantId: 'default', webhookId: ID, url: 'https://bot.example/hooks', eventTypes: null, chatIds: null },
        ...{ chatKinds: null, offlineOnly: false, isEnabled: true, revision: 1, createdAt: harness.now },
        updatedAt: harness.now,
      },
    ]);
    expect(types()).to.deep.equal(['webhook.upserted']);
  });

  it('replaces the whole webhook and raises its revision, also within a batch', () => {
    harness.given(upsertWebhook(ID, { eventTypes: ['message.created'], offlineOnly: true }));
    harness.given(upsertWebhook(ID, { chatKinds: ['group'] }), upsertWebhook(ID, { isEnabled: false }));
    const [webhook] = harness.webhooks.values();
    expect(webhook).to.deep.include({
      eventTypes: null,
      chatKinds: null,
      offlineOnly: false,
      isEnabled: false,
      revision: 3,
    });
  });

  it('deletes it, also one of the same batch, and accepts a deletion of none without an event', () => {
    harness.given(upsertWebhook(ID));
    harness.given(deleteWebhook(ID), upsertWebhook(ID), deleteWebhook(ID), deleteWebhook(v4()));
    expect(harness.webhooks.size).to.equal(0);
    expect(types()).to.deep.equal(['webhook.upserted', 'webhook.deleted', 'webhook.upserted', 'webhook.deleted']);
  });

  it('is limited to 50 in a tenant', () => {
    harness.given(...Array.from({ length: 50 }, () => upsertWebhook(v4())));
    expect(harness.answer(upsertWebhook(v4())).reason).to.include({ code: 'limit_reached' });
    const [{ webhookId } = { webhookId: '' }] = harness.webhooks.values();
    harness.given(upsertWebhook(webhookId, { isEnabled: false }), deleteWebhook(webhookId), upsertWebhook(v4()));
  });

  it('is refused to others, and with both chats and kinds', () => {
    harness.users.set(userKey(SERVICE), { ...SERVICE, kind: 'bot' });
    expect(harness.answer(upsertWebhook(ID)).reason).to.include({ code: 'not_permitted' });
    expect(harness.answer(deleteWebhook(ID)).reason).to.include({ code: 'not_permitted' });
    harness.users.set(userKey(SERVICE), SERVICE);
    const both = harness.answer(upsertWebhook(ID, { chatIds: [v4()], chatKinds: ['group'] }));
    expect(both.reason?.violations?.map(({ path }) => path)).to.deep.equal(['data.chatKinds']);
    for (const url of ['ftp://x.example/', 'https://a:b@x.example/', 'not a url', 'http://'])
      expect(harness.answer(upsertWebhook(ID, { url })).reason, url).to.include({ code: 'invalid' });
  });
});
