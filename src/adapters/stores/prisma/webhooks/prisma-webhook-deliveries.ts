import type {
  DeliveryCounts,
  DueLane,
  LaneKey,
  OwnedPartition,
  Settlement,
  WebhookDeliveries,
} from '../../../../application/ports/store/webhooks.js';
import {
  ENDPOINT_FAILURES_MAX,
  endpointPausesMs,
  type RetrySchedule,
} from '../../../../application/webhooks/retry-schedule.js';
import { WEBHOOK_CONSUMER } from '../../../../application/webhooks/webhook-consumer.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';
import { addDeliveries, WAITING_MAX, waitingOf, wants } from './delivery-rows.js';

/** Positions of the log that one call takes of a backlog. */
const BACKLOG_STRETCH = 1_000;
/** A backlog is taken once so few events of its partition wait. */
const BACKLOG_RESUME = WAITING_MAX / 2;
/** If a relay that has claimed a probe dies, or has no place for it, the next one comes after this. */
const PROBE_CLAIM_MS = 20_000;
/** The time of the last success is written at most this often. */
const SUCCESS_NOTED_EVERY_MS = 5_000;
/** A webhook with so many parked events is paused: its endpoint refuses everything. */
const PARKED_MAX = 10_000;
const TOO_MANY_PARKED = 'too-many-parked';
/** Up to this number, waiting and parked events are counted. */
const COUNTED_MAX = 100_000;
/** Rows that one call of `clean` deletes of each table. */
const CLEANED_MAX = 5_000;

/**
 * Every transaction on deliveries of a partition first locks the partition's cursor, in a statement of its own. So the
 * next statement sees everything that an earlier one has committed, and none runs beside it.
 *
 * Raw: locks, the server's clock, and sets of rows.
 */
export class PrismaWebhookDeliveries implements WebhookDeliveries {
  constructor(
    private readonly database: PrismaClient,
    private readonly schedule: RetrySchedule,
    private readonly random: () => number = Math.random,
  ) {}

  async take(owned: OwnedPartition, after: number, through: number): Promise<boolean> {
    const { partition, epoch } = owned;
    const [, rows] = await this.database
      .$transaction([
        this.lock(owned),
        this.database.$queryRaw<{ moved: number }[]>`
          WITH moved AS (
            UPDATE event_cursors SET position = GREATEST(position, ${through}::int8)
            WHERE name = ${WEBHOOK_CONSUMER} AND partition = ${partition}::int4 AND epoch = ${epoch}::int8 RETURNING 1),
          stretch AS MATERIALIZED (
            SELECT * FROM chat_events e WHERE e.partition = ${partition}::int4 AND e.position > ${after}::int8
              AND e.position <= ${through}::int8 AND EXISTS (SELECT FROM moved)),
          wanting AS MATERIALIZED (
            SELECT w.*, ${waitingOf(partition)} AS waiting
            FROM webhooks w LEFT JOIN webhook_endpoints s ON s.webhook = w.number
            WHERE w.is_enabled AND s.gone_revision IS DISTINCT FROM w.revision
              AND w.tenant_id IN (SELECT tenant_id FROM stretch)
              AND NOT EXISTS (SELECT FROM webhook_backlogs b WHERE b.webhook = w.number AND b.partition = ${partition}::int4)),
          chosen AS MATERIALIZED (
            SELECT w.number, w.waiting, e.* FROM wanting w JOIN stretch e ON ${wants()}),
          backlogged AS (
            INSERT INTO webhook_backlogs (webhook, partition, after_position)
            SELECT DISTINCT number, ${partition}::int4, ${after}::int8 FROM chosen WHERE waiting >= ${WAITING_MAX}::int4
            ON CONFLICT DO NOTHING),
          ${addDeliveries(partition, Prisma.sql`SELECT * FROM chosen WHERE waiting < ${WAITING_MAX}::int4`)}
          SELECT 1 AS moved FROM moved`,
      ])
      .catch(rethrow);
    return rows.length === 1;
  }

  async takeBacklog(owned: OwnedPartition): Promise<boolean> {
    const { partition, epoch } = owned;
    const [, rows] = await this.database
      .$transaction([
        this.lock(owned),
        this.database.$queryRaw<{ taken: number }[]>`
          WITH cursor AS (
            SELECT position FROM event_cursors
            WHERE name = ${WEBHOOK_CONSUMER} AND partition = ${partition}::int4 AND epoch = ${epoch}::int8),
          picked AS MATERIALIZED (
            SELECT w.*, b.after_position FROM webhook_backlogs b JOIN webhooks w ON w.number = b.webhook
            WHERE b.partition = ${partition}::int4 AND w.is_enabled AND EXISTS (SELECT FROM cursor)
              AND ${waitingOf(partition)} < ${BACKLOG_RESUME}::int4
            ORDER BY b.after_position LIMIT 1),
          stretch AS MATERIALIZED (
            SELECT e.* FROM picked k, cursor c, LATERAL (
              SELECT * FROM chat_events e WHERE e.partition = ${partition}::int4 AND e.position > k.after_position
                AND e.position <= c.position ORDER BY e.position LIMIT ${BACKLOG_STRETCH}::int4) e),
          reached AS (
            SELECT CASE WHEN count(*) < ${BACKLOG_STRETCH}::int4 THEN (SELECT position FROM cursor) ELSE max(position) END AS position
            FROM stretch),
          chosen AS MATERIALIZED (SELECT w.number, e.* FROM picked w JOIN stretch e ON ${wants()}),
          ${addDeliveries(partition, Prisma.sql`SELECT * FROM chosen`)},
          advanced AS (
            UPDATE webhook_backlogs b SET after_position = r.position FROM picked k, reached r
            WHERE b.webhook = k.number AND b.partition = ${partition}::int4 AND r.position < (SELECT position FROM cursor)),
          finished AS (
            DELETE FROM webhook_backlogs b USING picked k, reached r
            WHERE b.webhook = k.number AND b.partition = ${partition}::int4 AND r.position >= (SELECT position FROM cursor))
          SELECT 1 AS taken FROM picked`,
      ])
      .catch(rethrow);
    return rows.length > 0;
  }

  async owned(relayId: string): Promise<OwnedPartition[]> {
    return await this.database.$queryRaw<OwnedPartition[]>`
      SELECT partition, epoch::float8 AS epoch FROM event_cursors
      WHERE name = ${WEBHOOK_CONSUMER} AND owner = ${relayId} AND lease_until > now() AND partition >= 0
      ORDER BY partition`.catch(rethrow);
  }

  async due(partitions: readonly number[], perWebhook: number): Promise<DueLane[]> {
    const owned = Prisma.sql`${column(partitions, (partition) => partition)}::int4[]`;
    return await this.database.$queryRaw<DueLane[]>`
      WITH able AS MATERIALIZED (
        SELECT w.number, w.tenant_id, w.webhook_id, w.url, w.offline_only, w.revision, s.succeeded_at, k.secrets,
          COALESCE(s.failures, 0) >= ${ENDPOINT_FAILURES_MAX}::int4 AS is_failing
        FROM webhooks w LEFT JOIN webhook_endpoints s ON s.webhook = w.number
        CROSS JOIN LATERAL (
          SELECT array_agg(z.secret ORDER BY z.created_at DESC) AS secrets FROM webhook_secrets z
          WHERE z.webhook = w.number AND (z.expires_at IS NULL OR z.expires_at > now())) k
        WHERE w.is_enabled AND NOT COALESCE(s.is_paused, false) AND s.gone_revision IS DISTINCT FROM w.revision
          AND (s.not_before IS NULL OR s.not_before <= now()) AND k.secrets IS NOT NULL
          AND EXISTS (SELECT FROM webhook_lanes l WHERE l.webhook = w.number AND l.partition = ANY (${owned}))),
      -- One relay probes an endpoint that fails, not each of them.
      claimed AS (
        UPDATE webhook_endpoints s SET not_before = now() + ${PROBE_CLAIM_MS}::float8 * interval '1 millisecond'
        FROM able a WHERE a.is_failing AND s.webhook = a.number AND s.not_before <= now()
        RETURNING s.webhook)
      SELECT a.number::float8 AS number, a.tenant_id AS "tenantId", a.webhook_id::text AS "webhookId", a.url,
        a.offline_only AS "offlineOnly", a.revision, a.secrets, l.partition, l.lane, l.attempts,
        COALESCE(a.succeeded_at > l.first_failed_at, false) AS "hasSucceededSince", a.is_failing AS "isProbe"
      FROM able a CROSS JOIN LATERAL (
        SELECT * FROM webhook_lanes l WHERE l.webhook = a.number AND l.partition = ANY (${owned})
          AND (a.is_failing OR l.next_at <= now() OR l.failed_at < a.succeeded_at)
        ORDER BY l.next_at LIMIT CASE WHEN a.is_failing THEN 1 ELSE ${perWebhook}::int4 END) l
      WHERE NOT a.is_failing OR a.number IN (SELECT webhook FROM claimed)`.catch(rethrow);
  }

  async waiting({ number, partition, lane }: LaneKey, after: number, limit: number): Promise<number[]> {
    const rows = await this.database.$queryRaw<{ position: number }[]>`
      SELECT position::float8 AS position FROM webhook_deliveries
      WHERE webhook = ${number}::int8 AND partition = ${partition}::int4 AND lane = ${lane} AND position > ${after}::int8
        AND code IS NULL
      ORDER BY position LIMIT ${limit}::int4`.catch(rethrow);
    return rows.map(({ position }) => position);
  }

  async settle(owned: OwnedPartition, settlements: readonly Settlement[]): Promise<boolean> {
    const { partition } = owned;
    const rows = settlements.map((one) => ({
      webhook: one.key.number,
      lane: one.key.lane,
      position: one.position,
      outcome: one.outcome,
      code:
        one.outcome === 'failed' || one.outcome === 'parked' ? one.code : one.outcome === 'gone' ? 'status-410' : null,
      retryMs: one.outcome === 'failed' ? Math.round(one.retryAfterMs) : null,
      isProbe: one.outcome === 'failed' && one.isProbe ? 'true' : 'false',
    }));
    const isOwned = this.isOwned(owned);
    const [, found] = await this.database
      .$transaction([
        this.lock(owned),
        this.database.$queryRaw<{ owned: boolean }[]>`
          WITH s AS MATERIALIZED (
            SELECT * FROM unnest(${column(rows, (row) => row.webhook)}::int8[], ${column(rows, (row) => row.lane)}::text[],
              ${column(rows, (row) => row.position)}::int8[], ${column(rows, (row) => row.outcome)}::text[],
              ${column(rows, (row) => row.code)}::text[], ${column(rows, (row) => row.retryMs)}::float8[],
              ${column(rows, (row) => row.isProbe)}::boolean[])
              AS s(webhook, lane, position, outcome, code, retry_ms, is_probe)
            WHERE ${isOwned}),
          delivered AS (
            DELETE FROM webhook_deliveries d USING s
            WHERE s.outcome = 'delivered' AND d.webhook = s.webhook AND d.partition = ${partition}::int4 AND d.position = s.position),
          ended AS MATERIALIZED (SELECT DISTINCT webhook, lane FROM s WHERE outcome IN ('delivered', 'parked')),
          failed AS MATERIALIZED (
            SELECT DISTINCT ON (webhook, lane) * FROM s WHERE outcome IN ('failed', 'gone') ORDER BY webhook, lane, position DESC),
          parked AS (
            UPDATE webhook_deliveries d SET code = s.code, attempts = COALESCE(l.attempts, 0) + 1, parked_at = now()
            FROM s LEFT JOIN webhook_lanes l ON l.webhook = s.webhook AND l.partition = ${partition}::int4 AND l.lane = s.lane
            WHERE s.outcome = 'parked' AND d.webhook = s.webhook AND d.partition = ${partition}::int4 AND d.position = s.position),
          lanes_failed AS (
            UPDATE webhook_lanes l SET code = f.code, failed_at = now(),
              attempts = CASE WHEN e.webhook IS NOT NULL THEN 1 WHEN f.is_probe THEN l.attempts ELSE l.attempts + 1 END,
              first_failed_at = CASE WHEN e.webhook IS NOT NULL THEN now() ELSE COALESCE(l.first_failed_at, now()) END,
              next_at = now() + COALESCE(f.retry_ms, 0) * interval '1 millisecond'
            FROM failed f LEFT JOIN ended e ON e.webhook = f.webhook AND e.lane = f.lane
            WHERE l.webhook = f.webhook AND l.partition = ${partition}::int4 AND l.lane = f.lane),
          rest AS MATERIALIZED (
            SELECT e.webhook, e.lane, EXISTS (
              SELECT FROM webhook_deliveries d
              WHERE d.webhook = e.webhook AND d.partition = ${partition}::int4 AND d.lane = e.lane AND d.code IS NULL
                AND NOT EXISTS (SELECT FROM s WHERE s.webhook = d.webhook AND s.position = d.position
                  AND s.outcome IN ('delivered', 'parked'))) AS is_waiting
            FROM ended e WHERE NOT EXISTS (SELECT FROM failed f WHERE f.webhook = e.webhook AND f.lane = e.lane)),
          lanes_moved AS (
            UPDATE webhook_lanes l SET attempts = 0, code = NULL, failed_at = NULL, first_failed_at = NULL, next_at = now()
            FROM rest r WHERE r.is_waiting AND l.webhook = r.webhook AND l.partition = ${partition}::int4 AND l.lane = r.lane
              AND (l.attempts > 0 OR l.code IS NOT NULL)),
          lanes_ended AS (
            DELETE FROM webhook_lanes l USING rest r
            WHERE NOT r.is_waiting AND l.webhook = r.webhook AND l.partition = ${partition}::int4 AND l.lane = r.lane)
          SELECT ${isOwned} AS owned`,
        this.noteEndpoints(settlements, isOwned),
      ])
      .catch(rethrow);
    return found[0]?.owned === true;
  }

  async counts(): Promise<DeliveryCounts> {
    const [row] = await this.database.$queryRaw<DeliveryCounts[]>`
      SELECT
        (SELECT count(*) FROM (
          SELECT 1 FROM webhook_deliveries WHERE code IS NULL LIMIT ${COUNTED_MAX}::int4) d)::float8 AS waiting,
        (SELECT count(*) FROM (
          SELECT 1 FROM webhook_deliveries WHERE code IS NOT NULL LIMIT ${COUNTED_MAX}::int4) d)::float8 AS parked,
        count(*) FILTER (WHERE w.is_enabled AND (COALESCE(s.is_paused, false)
          OR s.gone_revision IS NOT DISTINCT FROM w.revision OR NOT EXISTS (
            SELECT FROM webhook_secrets z WHERE z.webhook = w.number AND (z.expires_at IS NULL OR z.expires_at > now()))))::float8 AS paused,
        count(*) FILTER (WHERE w.is_enabled AND COALESCE(s.failures, 0) >= ${ENDPOINT_FAILURES_MAX}::int4)::float8 AS failing,
        COALESCE((SELECT max(extract(epoch FROM now() - e.at)) FROM webhooks o
          JOIN event_cursors c ON c.name = ${WEBHOOK_CONSUMER}
          CROSS JOIN LATERAL (
            SELECT d.partition, d.position FROM webhook_deliveries d
            WHERE d.webhook = o.number AND d.partition = c.partition AND d.code IS NULL ORDER BY d.position LIMIT 1) d
          JOIN chat_events e ON e.partition = d.partition AND e.position = d.position), 0)::float8 AS "oldestSeconds"
      FROM webhooks w LEFT JOIN webhook_endpoints s ON s.webhook = w.number`.catch(rethrow);
    return row ?? { waiting: 0, parked: 0, paused: 0, failing: 0, oldestSeconds: 0 };
  }

  async clean(): Promise<void> {
    const deleted = Prisma.sql`NOT EXISTS (SELECT FROM webhooks w WHERE w.number = t.webhook)`;
    const unwanted = Prisma.sql`NOT EXISTS (SELECT FROM webhooks w WHERE w.number = t.webhook AND w.is_enabled)`;
    const of = (table: string, condition: Prisma.Sql) => Prisma.sql`
      DELETE FROM ${Prisma.raw(table)} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ${Prisma.raw(table)} t WHERE ${condition} LIMIT ${CLEANED_MAX}::int4 FOR UPDATE SKIP LOCKED))`;
    // A disabled webhook keeps what is parked, and nothing that waits. Lanes go last: without one, nothing is sent.
    await this.database.$executeRaw(of('webhook_backlogs', unwanted)).catch(rethrow);
    await this.database
      .$executeRaw(of('webhook_deliveries', Prisma.sql`((${unwanted} AND t.code IS NULL) OR ${deleted})`))
      .catch(rethrow);
    await this.database.$executeRaw(of('webhook_lanes', unwanted)).catch(rethrow);
    await this.database.$executeRaw`
      INSERT INTO webhook_endpoints AS s (webhook, is_paused, code)
      SELECT webhook, true, ${TOO_MANY_PARKED} FROM webhook_deliveries WHERE code IS NOT NULL
      GROUP BY webhook HAVING count(*) >= ${PARKED_MAX}::int4 ORDER BY webhook
      ON CONFLICT (webhook) DO UPDATE SET is_paused = true, code = EXCLUDED.code WHERE NOT s.is_paused`.catch(rethrow);
    await this.database.$executeRaw(of('webhook_endpoints', deleted)).catch(rethrow);
    await this.database
      .$executeRaw(of('webhook_secrets', Prisma.sql`(${deleted} OR t.expires_at < now())`))
      .catch(rethrow);
  }

  private lock({ partition }: OwnedPartition) {
    return this.database.$queryRaw`
      SELECT 1 FROM event_cursors WHERE name = ${WEBHOOK_CONSUMER} AND partition = ${partition}::int4 FOR NO KEY UPDATE`;
  }

  private isOwned({ partition, epoch }: OwnedPartition): Prisma.Sql {
    return Prisma.sql`EXISTS (SELECT FROM event_cursors WHERE name = ${WEBHOOK_CONSUMER}
      AND partition = ${partition}::int4 AND epoch = ${epoch}::int8)`;
  }

  /**
   * One row for each endpoint, in the order of their numbers, since partitions share these rows. A success in the same
   * transaction outweighs failures. Failures while the endpoint is left alone already were under way before, and count
   * once.
   */
  private noteEndpoints(settlements: readonly Settlement[], isOwned: Prisma.Sql) {
    const notes = new Map<number, EndpointNote>();
    for (const one of settlements) note(notes, one);
    const rows = [...notes.values()].sort((a, b) => a.webhook - b.webhook);
    const pauses = endpointPausesMs(this.schedule, this.random());
    const pauseOf = (
      failures: Prisma.Sql,
    ) => Prisma.sql`CASE WHEN ${failures} < ${ENDPOINT_FAILURES_MAX}::int4 THEN NULL
      ELSE now() + (${column(pauses, Math.round)}::float8[])[
        LEAST(${failures} - ${ENDPOINT_FAILURES_MAX}::int4 + 1, ${pauses.length}::int4)] * interval '1 millisecond' END`;
    return this.database.$executeRaw`
      WITH n AS MATERIALIZED (
        SELECT * FROM unnest(${column(rows, (row) => row.webhook)}::int8[], ${column(rows, (row) => String(row.isSuccess))}::boolean[],
          ${column(rows, (row) => String(row.isFailure))}::boolean[], ${column(rows, (row) => String(row.isProbe))}::boolean[],
          ${column(rows, (row) => row.code)}::text[], ${column(rows, (row) => row.pauseMs)}::float8[],
          ${column(rows, (row) => row.goneRevision)}::int4[])
          AS n(webhook, is_success, is_failure, is_probe, code, pause_ms, gone_revision)
        WHERE ${isOwned})
      INSERT INTO webhook_endpoints AS s (webhook, failures, code, failing_since, not_before, succeeded_at, gone_revision)
      SELECT webhook, CASE WHEN is_failure AND NOT is_success THEN 1 ELSE 0 END, CASE WHEN is_success THEN NULL ELSE code END,
        CASE WHEN is_failure AND NOT is_success THEN now() END, now() + pause_ms * interval '1 millisecond',
        CASE WHEN is_success THEN now() END, gone_revision
      FROM n ORDER BY webhook
      ON CONFLICT (webhook) DO UPDATE SET
        failures = CASE WHEN EXCLUDED.succeeded_at IS NOT NULL THEN 0 ELSE s.failures + EXCLUDED.failures END,
        code = CASE WHEN EXCLUDED.succeeded_at IS NOT NULL THEN NULL ELSE COALESCE(EXCLUDED.code, s.code) END,
        failing_since = CASE WHEN EXCLUDED.succeeded_at IS NOT NULL THEN NULL ELSE COALESCE(s.failing_since, EXCLUDED.failing_since) END,
        succeeded_at = COALESCE(EXCLUDED.succeeded_at, s.succeeded_at),
        gone_revision = COALESCE(EXCLUDED.gone_revision, s.gone_revision),
        not_before = CASE WHEN EXCLUDED.succeeded_at IS NOT NULL THEN EXCLUDED.not_before
          ELSE GREATEST(EXCLUDED.not_before, ${pauseOf(Prisma.sql`s.failures + EXCLUDED.failures`)}) END
      WHERE CASE
        WHEN EXCLUDED.gone_revision IS NOT NULL OR EXCLUDED.not_before IS NOT NULL THEN true
        WHEN EXCLUDED.succeeded_at IS NOT NULL THEN s.failures > 0 OR s.not_before IS NOT NULL OR s.succeeded_at IS NULL
          OR s.succeeded_at < now() - ${SUCCESS_NOTED_EVERY_MS}::float8 * interval '1 millisecond'
        WHEN (SELECT is_probe FROM n WHERE n.webhook = s.webhook) THEN true
        ELSE s.not_before IS NULL OR s.not_before <= now() END`;
  }
}

interface EndpointNote {
  webhook: number;
  isSuccess: boolean;
  isFailure: boolean;
  isProbe: boolean;
  code: string | null;
  pauseMs: number | null;
  goneRevision: number | null;
}

/** A parked event was answered too: the endpoint works. */
function note(notes: Map<number, EndpointNote>, one: Settlement): void {
  if (one.outcome === 'delivered' && !one.isAnswered) return;
  const webhook = one.key.number;
  const none = { isSuccess: false, isFailure: false, isProbe: false, code: null, pauseMs: null, goneRevision: null };
  const known = notes.get(webhook) ?? { webhook, ...none };
  notes.set(webhook, known);
  switch (one.outcome) {
    case 'delivered':
      known.isSuccess = true;
      break;
    case 'parked':
      known.isSuccess ||= one.code.startsWith('status-4');
      break;
    case 'failed':
      known.isFailure ||= one.countsForEndpoint;
      known.isProbe ||= one.isProbe;
      known.code = one.code;
      known.pauseMs = Math.max(known.pauseMs ?? 0, Math.round(one.pauseMs ?? 0)) || null;
      break;
    case 'gone':
      known.goneRevision = one.revision;
      known.code = 'status-410';
      break;
  }
}
