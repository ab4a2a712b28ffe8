/** Webhooks: commands, and what no command may contain or is about deliveries. */
import type { AdministrationPolicy, AdministrativeAction } from '../../../../application/policy/administration.js';
import type { Caller } from '../../../../application/ports/queries/chat-queries.js';
import {
  REPLAY_MAX,
  SECRETS_MAX,
  type WebhookAdministration,
  type WebhookStatus,
} from '../../../../application/ports/store/webhooks.js';
import { newSecret } from '../../../../application/webhooks/signature.js';
import { stateOf } from '../../../../application/webhooks/webhook-state.js';
import type { RestOperationName } from '../../../../contract/rest/operations.js';
import {
  newSecretBody,
  type RestDelivery,
  type RestWebhook,
  replayBody,
  SECRET_OVERLAP_DEFAULT_SECONDS,
} from '../../../../contract/rest/webhook-operations.js';
import type { Call, Handlers } from '../middleware/request-context.js';
import type { Cursors } from '../paging/cursor.js';
import { cursorPage } from '../paging/cursor-page.js';
import { type Answer, notFound, ok, problemAnswer, refusalAnswer } from '../response.js';
import { type CommandRequests, dataWith } from './command-requests.js';
import { parsedBody } from './parsed-body.js';

type Operation =
  | ('listWebhooks' | 'putWebhook' | 'getWebhook' | 'deleteWebhook' | 'createWebhookSecret')
  | ('listDeliveries' | 'replayWebhook' | 'pauseWebhook' | 'resumeWebhook');

export function webhookHandlers(
  webhooks: WebhookAdministration | null,
  policy: AdministrationPolicy,
  commands: CommandRequests,
  cursors: Cursors,
): Handlers<Operation> {
  /** Calls `answer` if the store has webhooks and the policy permits it. */
  async function permitted(
    caller: Caller,
    action: AdministrativeAction,
    answer: (store: WebhookAdministration) => Promise<Answer>,
  ): Promise<Answer> {
    if (webhooks === null) return problemAnswer('not_implemented');
    const denied = await policy.denial(caller, action);
    return denied === null ? answer(webhooks) : refusalAnswer(denied.refusal, denied.decisionId);
  }

  function setPaused(isPaused: boolean) {
    return ({ caller, path }: Call<'pauseWebhook' | 'resumeWebhook'>) =>
      permitted(caller, 'webhook.operate', async (store) => {
        const key = { tenantId: caller.tenantId, webhookId: path.webhookId };
        if (!(await store.setPaused(key, isPaused))) return notFound();
        const status = await store.find(key);
        return status === null ? notFound() : ok(representWebhook(status));
      });
  }

  return {
    async listWebhooks({ caller }) {
      return permitted(caller, 'webhook.view', async (store) => {
        const found = await store.list(caller.tenantId);
        return ok({ items: found.map(representWebhook) });
      });
    },

    async putWebhook(call) {
      const { webhookId } = call.path;
      const data = dataWith(call.body, { webhookId });
      if ('refused' in data) return data.refused;
      const { tenantId } = call.caller;
      const known = (await webhooks?.find({ tenantId, webhookId })) ?? null;
      return commands.send(
        call,
        () => ({ type: 'webhook.upsert', chatId: null, ...data }),
        ({ replayed }) =>
          known !== null || replayed ? { status: 200 } : { status: 201, location: `/v1/webhooks/${webhookId}` },
      );
    },

    async getWebhook({ caller, path }) {
      return permitted(caller, 'webhook.view', async (store) => {
        const status = await store.find({ tenantId: caller.tenantId, webhookId: path.webhookId });
        return status === null ? notFound() : ok(representWebhook(status));
      });
    },

    async deleteWebhook(call) {
      const { webhookId } = call.path;
      return commands.send(call, () => ({ type: 'webhook.delete', chatId: null, data: { webhookId } }));
    },

    async createWebhookSecret({ caller, path, body }) {
      return permitted(caller, 'webhook.operate', async (store) => {
        const parsed = parsedBody(newSecretBody, body ?? {});
        if ('refused' in parsed) return parsed.refused;
        const { overlapSeconds = SECRET_OVERLAP_DEFAULT_SECONDS } = parsed.data;
        const secret = newSecret();
        const key = { tenantId: caller.tenantId, webhookId: path.webhookId };
        const outcome = await store.addSecret(key, secret, overlapSeconds * 1_000);
        if (outcome === 'unknown-webhook') return notFound();
        if (outcome === 'too-many')
          return problemAnswer('limit_reached', {
            detail: `at most ${SECRETS_MAX} secrets of a webhook overlap; with overlapSeconds 0 the present ones end`,
          });
        return { status: 201, body: { secret, overlapSeconds } };
      });
    },

    async listDeliveries(call) {
      const { operation, caller, path, query } = call;
      return permitted(caller, 'webhook.view', async (store) => {
        const key = { tenantId: caller.tenantId, webhookId: path.webhookId };
        if ((await store.find(key)) === null) return notFound();
        return cursorPage(cursors, call, {
          selection: [operation, path.webhookId, query.state],
          read: (position, limit) =>
            store.deliveries(
              key,
              query.state,
              position === null ? null : { partition: Number(position[0]), position: Number(position[1]) },
              limit,
            ),
          positionOf: ({ partition, position }) => [String(partition), String(position)],
          represent: ({ eventId, state, lane, code, attempts, nextAt, parkedAt }): RestDelivery => ({
            ...{ eventId, state, lane, code, attempts },
            nextAt: nextAt?.toISOString() ?? null,
            parkedAt: parkedAt?.toISOString() ?? null,
          }),
        });
      });
    },

    async replayWebhook({ caller, path, body }) {
      return permitted(caller, 'webhook.operate', async (store) => {
        const parsed = parsedBody(replayBody, body);
        if ('refused' in parsed) return parsed.refused;
        const { chatId, fromSequence } = parsed.data;
        const key = { tenantId: caller.tenantId, webhookId: path.webhookId };
        const what =
          chatId === undefined || fromSequence === undefined
            ? ({ what: 'parked' } as const)
            : ({ what: 'chat', chatId, fromSequence } as const);
        const replayed = await store.replay(key, what);
        if (replayed.outcome === 'unknown-webhook') return notFound();
        if (replayed.outcome === 'too-many-waiting')
          return problemAnswer('limit_reached', { detail: `${REPLAY_MAX} events of the webhook wait already` });
        return ok({ events: replayed.events, nextSequence: replayed.nextSequence });
      });
    },

    pauseWebhook: setPaused(true),
    resumeWebhook: setPaused(false),
  };
}

function representWebhook(status: WebhookStatus): RestWebhook {
  const { webhook, state, secrets, waiting, oldestAt, parked, hasBacklog } = status;
  const { webhookId, url, eventTypes, chatIds, chatKinds, offlineOnly, isEnabled, revision } = webhook;
  return {
    ...{ webhookId, url, eventTypes, chatIds, chatKinds, offlineOnly, isEnabled, revision },
    createdAt: webhook.createdAt.toISOString(),
    updatedAt: webhook.updatedAt.toISOString(),
    state: stateOf(status),
    ...{ secrets, waiting, hasBacklog, parked },
    oldestWaitingAt: oldestAt?.toISOString() ?? null,
    failures: state.failures,
    lastCode: state.code,
    failingSince: state.failingSince?.toISOString() ?? null,
    notBefore: state.notBefore?.toISOString() ?? null,
    succeededAt: state.succeededAt?.toISOString() ?? null,
  };
}

/** Operations that need the scope `admin` of an API key. */
export const ADMIN_OPERATIONS: ReadonlySet<RestOperationName> = new Set([
  ...(['createWebhookSecret', 'replayWebhook', 'pauseWebhook', 'resumeWebhook'] as const),
  ...(['createKey', 'listKeys', 'deleteKey'] as const),
]);
