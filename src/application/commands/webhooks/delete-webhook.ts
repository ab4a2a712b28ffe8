import { commandData } from '../../../contract/messages/commands.js';
import type { CommandHandler } from '../command-handler.js';
import { accepted, attributesAbout, refused } from '../outcome.js';

/** Deletes a webhook. Its secrets and its waiting and parked deliveries are deleted with it. */
export const deleteWebhook: CommandHandler<'webhook.delete'> = {
  type: 'webhook.delete',
  schema: commandData['webhook.delete'],
  snapshotKeys({ tenantId }, keys) {
    keys.webhookTenants.add(tenantId);
  },
  handle(command, context) {
    const { state, policy, cause } = context;
    const { webhookId } = command.data;
    const { decisionId, refusal } = policy.enforce(attributesAbout('webhook.delete', command, context));
    if (refusal !== null) return refused(refusal, decisionId);

    const webhook = state.webhook(command.tenantId, webhookId);
    if (webhook === undefined) return accepted(decisionId, null);
    state.removeWebhook(webhook);
    state.appendEvent(cause, { type: 'webhook.deleted', webhookId }, null);
    return accepted(decisionId, null);
  },
};
