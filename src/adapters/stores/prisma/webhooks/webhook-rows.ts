/** Rows of `webhooks`: how they are read, and the parts of the statement of a batch that write them. */
import { type BatchWrites, type WebhookWrite, webhookKey } from '../../../../application/ports/store/command-store.js';
import type { ChatKind } from '../../../../domain/chat.js';
import type { Webhook } from '../../../../domain/webhook.js';
import { column, time } from '../columns.js';
import { Prisma } from '../generated/client.js';

export interface WebhookRow extends Omit<Webhook, 'createdAt' | 'updatedAt'> {
  /** In milliseconds since 1970. */
  createdAt: number;
  updatedAt: number;
}

/** Of `webhooks w`. As JSON, a list of UUIDs is a list of texts. */
export const WEBHOOK_COLUMNS = Prisma.sql`w.tenant_id AS "tenantId", w.webhook_id::text AS "webhookId", w.url,
  w.event_types AS "eventTypes", w.chat_ids::text[] AS "chatIds", w.chat_kinds AS "chatKinds",
  w.offline_only AS "offlineOnly", w.is_enabled AS "isEnabled", w.revision,
  (extract(epoch FROM w.created_at) * 1000)::float8 AS "createdAt",
  (extract(epoch FROM w.updated_at) * 1000)::float8 AS "updatedAt"`;

export function toWebhook(row: WebhookRow): Webhook {
  const { tenantId, webhookId, url, eventTypes, chatIds, chatKinds, offlineOnly, isEnabled, revision } = row;
  return {
    ...{ tenantId, webhookId, url, eventTypes, chatIds, chatKinds, offlineOnly, isEnabled, revision },
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
  };
}

interface PutRow extends WebhookWrite {
  webhook: Webhook;
}

const isPut = (write: WebhookWrite): write is PutRow => write.webhook !== null;
const inKeyOrder = <W extends WebhookWrite>(writes: readonly W[]) =>
  [...writes].sort((a, b) => (webhookKey(a) < webhookKey(b) ? -1 : 1));

/** A list as the text of an array, because `unnest` flattens arrays of arrays. Null: all. */
const list = (values: readonly (string | ChatKind)[] | null) =>
  values === null ? null : column(values, (value) => value);

/**
 * Locks the rows that the batch changes or deletes, if they have the revision that was read, in key order. So two
 * batches that change some and delete others cannot deadlock.
 */
export function lockWebhooks({ webhooks }: BatchWrites): Prisma.Sql | null {
  const rows = inKeyOrder(webhooks.filter(({ previousRevision }) => previousRevision > 0));
  if (rows.length === 0) return null;
  return Prisma.sql`
    SELECT w.tenant_id, w.webhook_id
    FROM unnest(${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.webhookId)}::uuid[],
      ${column(rows, (row) => row.previousRevision)}::int4[]) AS k(tenant_id, webhook_id, revision)
    JOIN webhooks w ON w.tenant_id = k.tenant_id AND w.webhook_id = k.webhook_id AND w.revision = k.revision
    ORDER BY w.tenant_id, w.webhook_id FOR UPDATE OF w`;
}

/** Returns a row for each new webhook whose id was free. */
export function insertWebhooks({ webhooks }: BatchWrites): Prisma.Sql | null {
  const rows = inKeyOrder(webhooks.filter(isPut).filter(({ previousRevision }) => previousRevision === 0));
  if (rows.length === 0) return null;
  return Prisma.sql`
    INSERT INTO webhooks (tenant_id, webhook_id, url, event_types, chat_ids, chat_kinds, offline_only, is_enabled,
      revision, created_at, updated_at)
    SELECT tenant_id, webhook_id, url, event_types::text[], chat_ids::uuid[], chat_kinds::text[], offline_only, is_enabled,
      revision, created_at, updated_at FROM (${putColumns(rows)}) n
    ON CONFLICT DO NOTHING RETURNING 1`;
}

/** Returns a row for each webhook that was as it was read. */
export function updateWebhooks({ webhooks }: BatchWrites): Prisma.Sql | null {
  const rows = inKeyOrder(webhooks.filter(isPut).filter(({ previousRevision }) => previousRevision > 0));
  if (rows.length === 0) return null;
  return Prisma.sql`
    UPDATE webhooks w SET url = n.url, event_types = n.event_types::text[], chat_ids = n.chat_ids::uuid[],
      chat_kinds = n.chat_kinds::text[], offline_only = n.offline_only, is_enabled = n.is_enabled, revision = n.revision,
      updated_at = n.updated_at
    FROM (${putColumns(rows)}) n
    JOIN webhooks_locked l ON l.tenant_id = n.tenant_id AND l.webhook_id = n.webhook_id
    WHERE w.tenant_id = l.tenant_id AND w.webhook_id = l.webhook_id RETURNING 1`;
}

/** Likewise. What other tables have of the webhook, relays delete later. */
export function deleteWebhooks({ webhooks }: BatchWrites): Prisma.Sql | null {
  const rows = webhooks.filter(({ webhook }) => webhook === null);
  if (rows.length === 0) return null;
  return Prisma.sql`
    DELETE FROM webhooks w
    USING unnest(${column(rows, (row) => row.tenantId)}::text[], ${column(rows, (row) => row.webhookId)}::uuid[])
      AS k(tenant_id, webhook_id), webhooks_locked l
    WHERE l.tenant_id = k.tenant_id AND l.webhook_id = k.webhook_id
      AND w.tenant_id = l.tenant_id AND w.webhook_id = l.webhook_id RETURNING 1`;
}

function putColumns(rows: readonly PutRow[]): Prisma.Sql {
  const webhooks = rows.map(({ webhook }) => webhook);
  return Prisma.sql`
    SELECT * FROM unnest(${column(webhooks, (row) => row.tenantId)}::text[],
      ${column(webhooks, (row) => row.webhookId)}::uuid[], ${column(webhooks, (row) => row.url)}::text[],
      ${column(webhooks, (row) => list(row.eventTypes))}::text[], ${column(webhooks, (row) => list(row.chatIds))}::text[],
      ${column(webhooks, (row) => list(row.chatKinds))}::text[],
      ${column(webhooks, (row) => String(row.offlineOnly))}::boolean[],
      ${column(webhooks, (row) => String(row.isEnabled))}::boolean[], ${column(webhooks, (row) => row.revision)}::int4[],
      ${column(webhooks, (row) => time(row.createdAt))}::timestamptz[],
      ${column(webhooks, (row) => time(row.updatedAt))}::timestamptz[])
      AS n(tenant_id, webhook_id, url, event_types, chat_ids, chat_kinds, offline_only, is_enabled, revision, created_at,
        updated_at)`;
}
