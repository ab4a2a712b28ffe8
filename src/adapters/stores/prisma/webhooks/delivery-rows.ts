/** Parts of the statements that add deliveries. */
import { Prisma } from '../generated/client.js';

/** Above this number of waiting events of a webhook in a partition, further ones stay in the log alone. */
export const WAITING_MAX = 1_000;

/**
 * Whether webhook `w` wants event `e`, which must not be older than the webhook: the log may be read later. The kind of
 * the chat is looked up only if the webhook names kinds.
 */
export function wants(): Prisma.Sql {
  return Prisma.sql`e.at >= w.created_at AND ${wantsType()}`;
}

/** Likewise, of any age: for a replay. */
export function wantsType(): Prisma.Sql {
  return Prisma.sql`e.tenant_id = w.tenant_id
    AND (w.event_types IS NULL OR e.type = ANY (w.event_types))
    AND (w.chat_ids IS NULL OR e.chat_id = ANY (w.chat_ids))
    AND (w.chat_kinds IS NULL OR (SELECT c.kind FROM chats c WHERE c.chat_id = e.chat_id) = ANY (w.chat_kinds))`;
}

/** The number of waiting events of webhook `w` in the partition, counted up to `WAITING_MAX`. */
export function waitingOf(partition: number): Prisma.Sql {
  return Prisma.sql`(SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries d WHERE d.webhook = w.number
    AND d.partition = ${partition}::int4 AND d.code IS NULL LIMIT ${WAITING_MAX}::int4) waits)`;
}

/** Two parts: the events, and their lanes. `chosen` has the columns of `chat_events`, and the number of the webhook. */
export function addDeliveries(partition: number, chosen: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    deliveries_new AS (
      INSERT INTO webhook_deliveries (webhook, partition, position, lane, sequence)
      SELECT number, partition, position, COALESCE(chat_id::text, actor_id), sequence FROM (${chosen}) c
      ON CONFLICT DO NOTHING),
    lanes_new AS (
      INSERT INTO webhook_lanes (webhook, partition, lane, next_at)
      SELECT DISTINCT number, ${partition}::int4, COALESCE(chat_id::text, actor_id), now() FROM (${chosen}) c
      ON CONFLICT DO NOTHING)`;
}
