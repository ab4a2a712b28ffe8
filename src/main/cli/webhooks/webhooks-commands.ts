import { PrismaWebhookAdministration } from '../../../adapters/stores/prisma/webhooks/prisma-webhook-administration.js';
import type { WebhookKey } from '../../../application/ports/store/command-store.js';
import {
  REPLAY_MAX,
  type Replay,
  type WebhookAdministration,
  type WebhookStatus,
} from '../../../application/ports/store/webhooks.js';
import { stateOf } from '../../../application/webhooks/webhook-state.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import { withCommandDatabase } from '../command-database.js';
import { counted, printable, table } from '../printable.js';

/** Events that `show` lists. */
const LISTED_MAX = 1_000;
const URL_SHOWN_CHARACTERS = 60;

export interface ShowRequest {
  tenant: string;
  state: 'parked' | 'waiting';
  json?: boolean;
}

export interface ReplayRequest {
  tenant: string;
  parked?: boolean;
  chat?: string;
  fromSequence?: string;
}

/** `parley webhooks list`. */
export async function runWebhooksList({ tenant, json = false }: { tenant?: string; json?: boolean }): Promise<void> {
  await withWebhooks(async (webhooks) => {
    const found = await webhooks.list(tenant ?? null);
    if (json) console.log(JSON.stringify(found, null, 2));
    else if (found.length === 0) console.log('no webhooks');
    else
      console.log(
        table([
          ['tenant', 'webhook', 'state', 'waiting', 'parked', 'failures', 'code', 'next', 'url'],
          ...found.map((status) => {
            const { webhook, state, waiting, parked, hasBacklog } = status;
            return [
              ...[webhook.tenantId, webhook.webhookId, stateOf(status), `${waiting}${hasBacklog ? '+' : ''}`],
              ...[String(parked), String(state.failures), state.code ?? '-', state.notBefore?.toISOString() ?? '-'],
              printable(webhook.url, URL_SHOWN_CHARACTERS),
            ];
          }),
        ]),
      );
  });
}

/** `parley webhooks show`. */
export async function runWebhooksShow(webhookId: string, { tenant, state, json = false }: ShowRequest): Promise<void> {
  await withWebhooks(async (webhooks) => {
    const key = { tenantId: tenant, webhookId };
    const status = known(key, await webhooks.find(key));
    const events = await webhooks.deliveries(key, state, null, LISTED_MAX);
    if (json) {
      console.log(JSON.stringify({ ...status, events }, null, 2));
      return;
    }
    const { webhook, waiting, parked, hasBacklog, oldestAt, secrets } = status;
    console.log(`${printable(webhook.url, URL_SHOWN_CHARACTERS)}: ${stateOf(status)}, ${counted(secrets, 'secret')}`);
    const failing = status.state.failingSince;
    if (failing !== null)
      console.log(
        `failing since ${failing.toISOString()} with ${status.state.code ?? 'no code'}, next attempt ${status.state.notBefore?.toISOString() ?? 'now'}`,
      );
    const more = hasBacklog ? ', and more in the log alone' : '';
    const oldest = oldestAt === null ? '' : `, the oldest of ${oldestAt.toISOString()}`;
    console.log(`${waiting} waiting${oldest}${more}; ${parked} parked`);
    if (events.length > 0)
      console.log(
        table([
          ['event', 'code', 'attempts', state === 'parked' ? 'parked at' : 'next attempt'],
          ...events.map(({ eventId, code, attempts, nextAt, parkedAt }) => [
            ...[eventId, code ?? '-', String(attempts)],
            (state === 'parked' ? parkedAt : nextAt)?.toISOString() ?? '-',
          ]),
        ]),
      );
  });
}

/** `parley webhooks replay`. */
export async function runWebhooksReplay(webhookId: string, request: ReplayRequest): Promise<void> {
  const replay = replayOf(request);
  await withWebhooks(async (webhooks) => {
    const key = { tenantId: request.tenant, webhookId };
    const replayed = await webhooks.replay(key, replay);
    if (replayed.outcome === 'unknown-webhook') throw unknown(key);
    if (replayed.outcome === 'too-many-waiting')
      throw new StartupError([`${REPLAY_MAX} events of the webhook wait already`]);
    const { events, nextSequence } = replayed;
    console.log(`due: ${counted(events, 'event')}`);
    if (nextSequence !== null) console.log(`more: --from-sequence ${nextSequence}`);
  });
}

/** `parley webhooks pause` and `resume`. */
export async function runWebhooksPause(
  webhookId: string,
  { tenant }: { tenant: string },
  isPaused: boolean,
): Promise<void> {
  await withWebhooks(async (webhooks) => {
    const key = { tenantId: tenant, webhookId };
    if (!(await webhooks.setPaused(key, isPaused))) throw unknown(key);
    console.log(isPaused ? 'paused' : 'resumed');
  });
}

function replayOf({ parked = false, chat, fromSequence }: ReplayRequest): Replay {
  if (parked && chat === undefined && fromSequence === undefined) return { what: 'parked' };
  if (parked || chat === undefined || fromSequence === undefined || !/^[1-9]\d{0,14}$/.test(fromSequence))
    throw new StartupError(['give --parked, or --chat with --from-sequence and a sequence from 1']);
  return { what: 'chat', chatId: chat, fromSequence: Number(fromSequence) };
}

function known(key: WebhookKey, status: WebhookStatus | null): WebhookStatus {
  if (status === null) throw unknown(key);
  return status;
}

function unknown({ tenantId, webhookId }: WebhookKey): StartupError {
  return new StartupError([`the tenant ${tenantId} has no webhook ${webhookId}`]);
}

function withWebhooks(work: (webhooks: WebhookAdministration) => Promise<void>): Promise<void> {
  return withCommandDatabase((database) => work(new PrismaWebhookAdministration(database)));
}
