import type { WebhookKey } from '../../../../application/ports/store/command-store.js';
import {
  DELIVERIES_COUNTED_MAX,
  type DeliveryPlace,
  type EndpointState,
  type ListedDelivery,
  REPLAY_MAX,
  type Replay,
  type Replayed,
  SECRETS_MAX,
  type WebhookAdministration,
  type WebhookStatus,
} from '../../../../application/ports/store/webhooks.js';
import { WEBHOOK_CONSUMER } from '../../../../application/webhooks/webhook-consumer.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { wantsType } from './delivery-rows.js';
import { toWebhook, WEBHOOK_COLUMNS, type WebhookRow } from './webhook-rows.js';

interface StatusRow extends WebhookRow, Omit<EndpointState, 'failingSince' | 'notBefore' | 'succeededAt'> {
  failingSince: number | null;
  notBefore: number | null;
  succeededAt: number | null;
  secrets: number;
  waiting: number;
  oldestAt: number | null;
  parked: number;
  hasBacklog: boolean;
}

interface ReplayRow {
  isKnown: boolean;
  isFull: boolean;
  events: number;
  nextSequence: number | null;
}

const asDate = (milliseconds: number | null) => (milliseconds === null ? null : new Date(milliseconds));
const ms = (time: string) => Prisma.raw(`(extract(epoch FROM ${time}) * 1000)::float8`);
const isKey = ({ tenantId, webhookId }: WebhookKey) =>
  Prisma.sql`w.tenant_id = ${tenantId} AND w.webhook_id = ${webhookId}::uuid`;

/**
 * Every method rejects with a `StoreError`.
 *
 * Raw: counts with a limit, joins over the log, and the server's clock.
 */
export class PrismaWebhookAdministration implements WebhookAdministration {
  constructor(private readonly database: PrismaClient) {}

  list(tenantId: string | null): Promise<WebhookStatus[]> {
    return this.statuses(tenantId === null ? Prisma.sql`true` : Prisma.sql`w.tenant_id = ${tenantId}`);
  }

  async find(key: WebhookKey): Promise<WebhookStatus | null> {
    return (await this.statuses(isKey(key)))[0] ?? null;
  }

  async addSecret(key: WebhookKey, secret: string, overlapMs: number) {
    const isLive = Prisma.sql`${overlapMs}::float8 > 0 AND (z.expires_at IS NULL OR z.expires_at > now())`;
    const [row] = await this.database.$queryRaw<{ isAllowed: boolean }[]>`
      WITH known AS (SELECT number FROM webhooks w WHERE ${isKey(key)}),
      allowed AS MATERIALIZED (
        SELECT number FROM known k
        WHERE (SELECT count(*) FROM webhook_secrets z WHERE z.webhook = k.number AND ${isLive}) < ${SECRETS_MAX}::int4),
      ended AS (DELETE FROM webhook_secrets z USING allowed k WHERE z.webhook = k.number AND NOT (${isLive})),
      older AS (
        UPDATE webhook_secrets z SET expires_at = LEAST(z.expires_at, now() + ${overlapMs}::float8 * interval '1 millisecond')
        FROM allowed k WHERE z.webhook = k.number AND ${isLive}),
      added AS (
        INSERT INTO webhook_secrets (webhook, secret, created_at) SELECT number, ${secret}, now() FROM allowed)
      SELECT EXISTS (SELECT FROM allowed) AS "isAllowed" FROM known`.catch(rethrow);
    if (row === undefined) return 'unknown-webhook';
    return row.isAllowed ? 'added' : 'too-many';
  }

  async deliveries(
    key: WebhookKey,
    state: 'waiting' | 'parked',
    after: DeliveryPlace | null,
    limit: number,
  ): Promise<ListedDelivery[]> {
    const { partition, position } = after ?? { partition: -1, position: 0 };
    const isState = state === 'parked' ? Prisma.sql`d.code IS NOT NULL` : Prisma.sql`d.code IS NULL`;
    type Row = Omit<ListedDelivery, 'nextAt' | 'parkedAt'> & { nextAt: number | null; parkedAt: number | null };
    const rows = await this.database.$queryRaw<Row[]>`
      SELECT ${state} AS state, d.partition, d.position::float8 AS position, d.lane,
        CASE WHEN d.sequence IS NULL THEN 'p' || d.partition || '/' || d.position ELSE d.lane || '/' || d.sequence END AS "eventId",
        COALESCE(d.code, l.code) AS code, COALESCE(l.attempts, d.attempts) AS attempts,
        ${ms('l.next_at')} AS "nextAt", ${ms('d.parked_at')} AS "parkedAt"
      FROM (SELECT d.*, NOT EXISTS (
              SELECT FROM webhook_deliveries o WHERE o.webhook = d.webhook AND o.partition = d.partition AND o.lane = d.lane
                AND o.code IS NULL AND o.position < d.position) AS is_first
            FROM webhook_deliveries d JOIN webhooks w ON w.number = d.webhook
            WHERE ${isKey(key)} AND ${isState} AND (d.partition, d.position) > (${partition}::int4, ${position}::int8)
            ORDER BY d.partition, d.position LIMIT ${limit}::int4) d
      LEFT JOIN webhook_lanes l ON l.webhook = d.webhook AND l.partition = d.partition AND l.lane = d.lane
        AND d.code IS NULL AND d.is_first
      ORDER BY d.partition, d.position`.catch(rethrow);
    return rows.map((row) => ({ ...row, nextAt: asDate(row.nextAt), parkedAt: asDate(row.parkedAt) }));
  }

  /**
   * Locks all cursors first, as relays lock theirs, so that no lane ends beside it. `partition >= 0`: imported events
   * are never delivered.
   */
  async replay(key: WebhookKey, replay: Replay): Promise<Replayed> {
    const lock = this.database.$queryRaw`
      SELECT 1 FROM event_cursors WHERE name = ${WEBHOOK_CONSUMER} ORDER BY partition FOR NO KEY UPDATE`;
    const chosen =
      replay.what === 'parked'
        ? Prisma.sql`
          SELECT w.number, e.* FROM webhooks w JOIN LATERAL (
            SELECT * FROM webhook_deliveries d WHERE d.webhook = w.number AND d.code IS NOT NULL
            ORDER BY d.partition, d.position LIMIT ${REPLAY_MAX + 1}::int4) d ON true
          JOIN chat_events e ON e.partition = d.partition AND e.position = d.position WHERE ${isKey(key)}`
        : Prisma.sql`
          SELECT w.number, e.* FROM webhooks w JOIN LATERAL (
            SELECT * FROM chat_events e WHERE e.chat_id = ${replay.chatId}::uuid AND e.sequence >= ${replay.fromSequence}::int8
              AND e.partition >= 0 ORDER BY e.sequence LIMIT ${REPLAY_MAX + 1}::int4) e ON ${wantsType()}
          WHERE ${isKey(key)}`;
    // A chat that has moved has events in two partitions.
    const inOrder = replay.what === 'parked' ? Prisma.sql`partition, position` : Prisma.sql`sequence`;
    const [, rows] = await this.database
      .$transaction([
        lock,
        this.database.$queryRaw<ReplayRow[]>`
          WITH waiting AS MATERIALIZED (
            SELECT count(*) >= ${REPLAY_MAX}::int4 AS is_full FROM (
              SELECT 1 FROM webhook_deliveries d JOIN webhooks w ON w.number = d.webhook
              WHERE ${isKey(key)} AND d.code IS NULL LIMIT ${REPLAY_MAX}::int4) d),
          all_chosen AS MATERIALIZED (${chosen}),
          chosen AS MATERIALIZED (
            SELECT * FROM all_chosen WHERE NOT (SELECT is_full FROM waiting) ORDER BY ${inOrder} LIMIT ${REPLAY_MAX}::int4),
          unparked AS (
            UPDATE webhook_deliveries d SET code = NULL, attempts = 0, parked_at = NULL FROM chosen c
            WHERE d.webhook = c.number AND d.partition = c.partition AND d.position = c.position AND d.code IS NOT NULL),
          deliveries_new AS (
            INSERT INTO webhook_deliveries (webhook, partition, position, lane, sequence)
            SELECT number, partition, position, COALESCE(chat_id::text, actor_id), sequence FROM chosen
            ON CONFLICT DO NOTHING),
          lanes_new AS (
            INSERT INTO webhook_lanes AS l (webhook, partition, lane, next_at)
            SELECT DISTINCT number, partition, COALESCE(chat_id::text, actor_id), now() FROM chosen
            ON CONFLICT (webhook, partition, lane) DO UPDATE SET next_at = EXCLUDED.next_at, attempts = 0, code = NULL,
              first_failed_at = NULL, failed_at = NULL)
          SELECT EXISTS (SELECT FROM webhooks w WHERE ${isKey(key)}) AS "isKnown", (SELECT is_full FROM waiting) AS "isFull", (SELECT count(*) FROM chosen)::float8 AS events,
            (SELECT min(a.sequence) FROM all_chosen a WHERE a.sequence > (SELECT max(c.sequence) FROM chosen c))::float8 AS "nextSequence"`,
      ])
      .catch(rethrow);
    const [done] = rows;
    if (done === undefined || !done.isKnown) return { outcome: 'unknown-webhook' };
    if (done.isFull) return { outcome: 'too-many-waiting' };
    const nextSequence = replay.what === 'chat' ? done.nextSequence : null;
    return { outcome: 'done', events: done.events, nextSequence };
  }

  async setPaused(key: WebhookKey, isPaused: boolean): Promise<boolean> {
    const count = await this.database.$executeRaw`
      INSERT INTO webhook_endpoints AS s (webhook, is_paused) SELECT number, ${isPaused} FROM webhooks w WHERE ${isKey(key)}
      ON CONFLICT (webhook) DO UPDATE SET is_paused = EXCLUDED.is_paused,
        gone_revision = CASE WHEN EXCLUDED.is_paused THEN s.gone_revision END,
        not_before = CASE WHEN EXCLUDED.is_paused THEN s.not_before WHEN s.not_before IS NULL THEN NULL ELSE now() END`.catch(
      rethrow,
    );
    return count === 1;
  }

  private async statuses(condition: Prisma.Sql): Promise<WebhookStatus[]> {
    const counted = (state: Prisma.Sql) => Prisma.sql`(SELECT count(*) FROM (
      SELECT 1 FROM webhook_deliveries d WHERE d.webhook = w.number AND ${state} LIMIT ${DELIVERIES_COUNTED_MAX}::int4) d)::float8`;
    const rows = await this.database.$queryRaw<StatusRow[]>`
      SELECT ${WEBHOOK_COLUMNS}, COALESCE(s.is_paused, false) AS "isPaused", COALESCE(s.failures, 0) AS failures, s.code,
        ${ms('s.failing_since')} AS "failingSince",
        CASE WHEN s.not_before > now() THEN ${ms('s.not_before')} END AS "notBefore",
        ${ms('s.succeeded_at')} AS "succeededAt", s.gone_revision IS NOT DISTINCT FROM w.revision AS "isGone",
        (SELECT count(*) FROM webhook_secrets z WHERE z.webhook = w.number
          AND (z.expires_at IS NULL OR z.expires_at > now()))::float8 AS secrets,
        ${counted(Prisma.sql`d.code IS NULL`)} AS waiting, ${counted(Prisma.sql`d.code IS NOT NULL`)} AS parked,
        (SELECT min(${ms('e.at')}) FROM (
          SELECT d.partition, min(d.position) AS position FROM webhook_deliveries d
          WHERE d.webhook = w.number AND d.code IS NULL GROUP BY d.partition) o
          JOIN chat_events e ON e.partition = o.partition AND e.position = o.position) AS "oldestAt",
        EXISTS (SELECT FROM webhook_backlogs b WHERE b.webhook = w.number) AS "hasBacklog"
      FROM webhooks w LEFT JOIN webhook_endpoints s ON s.webhook = w.number
      WHERE ${condition} ORDER BY w.tenant_id, w.webhook_id`.catch(rethrow);
    return rows.map((row) => {
      const { isPaused, failures, code, isGone, secrets, waiting, parked, hasBacklog } = row;
      return {
        webhook: toWebhook(row),
        state: {
          ...{ isPaused, failures, code, isGone },
          failingSince: asDate(row.failingSince),
          notBefore: asDate(row.notBefore),
          succeededAt: asDate(row.succeededAt),
        },
        ...{ secrets, waiting, parked, hasBacklog },
        oldestAt: asDate(row.oldestAt),
      };
    });
  }
}
