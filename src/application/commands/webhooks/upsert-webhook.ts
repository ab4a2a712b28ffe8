import { isDeepStrictEqual } from 'node:util';
import { commandData } from '../../../contract/messages/commands.js';
import { WEBHOOKS_PER_TENANT_MAX, type Webhook } from '../../../domain/webhook.js';
import type { CommandHandler } from '../command-handler.js';
import { accepted, attributesAbout, refused } from '../outcome.js';

/** Creates or replaces a whole webhook. Its secrets stay: REST makes them, and no command contains one. */
export const upsertWebhook: CommandHandler<'webhook.upsert'> = {
  type: 'webhook.upsert',
  schema: commandData['webhook.upsert'],
  snapshotKeys({ tenantId }, keys) {
    keys.webhookTenants.add(tenantId);
  },
  handle(command, context) {
    const { state, policy, cause } = context;
    const { tenantId, data } = command;
    const { decisionId, refusal } = policy.enforce(attributesAbout('webhook.upsert', command, context));
    if (refusal !== null) return refused(refusal, decisionId);

    const { webhookId, url, eventTypes = null, chatIds = null, chatKinds = null } = data;
    const { offlineOnly = false, isEnabled = true } = data;
    const content = { webhookId, url, eventTypes, chatIds, chatKinds, offlineOnly, isEnabled };
    const before = state.webhook(tenantId, webhookId);
    if (before === undefined && state.webhookCount(tenantId) >= WEBHOOKS_PER_TENANT_MAX)
      return refused(
        { code: 'limit_reached', detail: `a tenant has at most ${WEBHOOKS_PER_TENANT_MAX} webhooks` },
        decisionId,
      );
    if (before !== undefined) {
      const { tenantId: _, revision: __, createdAt: ___, updatedAt: ____, ...present } = before;
      if (isDeepStrictEqual(present, content)) return accepted(decisionId, null);
    }
    const revision = (before?.revision ?? 0) + 1;
    const webhook: Webhook = {
      tenantId,
      ...content,
      revision,
      createdAt: before?.createdAt ?? state.now,
      updatedAt: state.now,
    };
    state.putWebhook(webhook);
    state.appendEvent(cause, { type: 'webhook.upserted', webhook: { ...content, revision } }, null);
    return accepted(decisionId, null);
  },
};
