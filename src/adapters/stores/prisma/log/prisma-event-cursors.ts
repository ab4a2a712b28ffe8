import type { StartAt } from '../../../../application/ports/log-consumer.js';
import type {
  CursorKey,
  CursorState,
  EventCursors,
  HeldCursor,
  OwnedCursor,
  ParkedEvent,
  ParkedPlace,
} from '../../../../application/ports/store/log/event-cursors.js';
import { LAG_CHATS_MAX } from '../../../../application/ports/store/log/event-cursors.js';
import { PARTITION_WHILE_IMPORTED } from '../../../../domain/chat.js';
import { column } from '../columns.js';
import { Prisma, type PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';

/** A relay that has not been alive for this long is removed. */
export const RELAY_FORGOTTEN_AFTER_MS = 60_000;

/**
 * Every method rejects with a `StoreError`. Statements that touch several cursors lock them in key order first.
 *
 * Raw: all that read or write cursors, because they compare the server's clock, lock rows in an order, or check the
 * fencing token in the same statement.
 */
export class PrismaEventCursors implements EventCursors {
  constructor(private readonly database: PrismaClient) {}

  async create(name: string, start: StartAt, withImports: boolean): Promise<void> {
    const position =
      start === 'now'
        ? Prisma.sql`p.position`
        : start === 'beginning'
          ? Prisma.sql`0`
          : // Backwards from the end of the log, because an index by time would cost every event.
            Prisma.sql`coalesce((SELECT e.position FROM chat_events e
              WHERE e.partition = p.partition AND e.at < ${start.toISOString()}::timestamptz
              ORDER BY e.position DESC LIMIT 1), 0)`;
    // An imported chat has no time at which it was imported: with a start time, it counts as imported before.
    const imports = start === 'beginning' ? Prisma.sql`0` : Prisma.sql`s.imports`;
    await this.database.$executeRaw`
      INSERT INTO event_cursors (name, partition, position)
      SELECT ${name}, p.partition, ${position} FROM partitions p
      UNION ALL SELECT ${name}, ${PARTITION_WHILE_IMPORTED}::int4, ${imports} FROM store s WHERE ${withImports}
      ON CONFLICT DO NOTHING`.catch(rethrow);
  }

  /** Every relay numbers all cursors and all live relays in the same order, so at most one is assigned each cursor. */
  async tend(relayId: string, names: readonly string[], leaseMs: number): Promise<HeldCursor[]> {
    const consumers = column(names, (name) => name);
    return await this.database.$queryRaw<HeldCursor[]>`
      WITH alive AS (
        INSERT INTO relays (relay_id, consumers, alive_until)
        VALUES (${relayId}, ${consumers}::text[], now() + ${leaseMs}::float8 * interval '1 millisecond')
        ON CONFLICT (relay_id) DO UPDATE SET consumers = EXCLUDED.consumers, alive_until = EXCLUDED.alive_until),
      forgotten AS (
        DELETE FROM relays WHERE relay_id IN (
          SELECT relay_id FROM relays
          WHERE relay_id <> ${relayId} AND alive_until < now() - ${RELAY_FORGOTTEN_AFTER_MS}::float8 * interval '1 millisecond'
          FOR UPDATE SKIP LOCKED)),
      live AS (
        SELECT relay_id, consumers FROM relays WHERE alive_until > now() AND relay_id <> ${relayId}
        UNION ALL SELECT ${relayId}, ${consumers}::text[]),
      numbered AS (SELECT name, partition, row_number() OVER (ORDER BY name, partition) - 1 AS number FROM event_cursors),
      assigned AS (
        SELECT n.name, n.partition, (array_agg(l.relay_id ORDER BY l.relay_id COLLATE "C"))[1 + n.number % count(*)] AS relay_id
        FROM numbered n JOIN live l ON n.name = ANY (l.consumers) GROUP BY n.name, n.partition, n.number),
      locked AS (
        SELECT c.name, c.partition, c.owner IS NOT DISTINCT FROM ${relayId} AS is_held,
          coalesce(a.relay_id = ${relayId}, false) AS is_assigned
        FROM event_cursors c LEFT JOIN assigned a ON a.name = c.name AND a.partition = c.partition
        WHERE c.owner = ${relayId} OR (a.relay_id = ${relayId} AND (c.owner IS NULL OR c.lease_until < now()))
        ORDER BY c.name, c.partition FOR NO KEY UPDATE OF c),
      tended AS (
        UPDATE event_cursors c SET
          owner = CASE WHEN l.is_assigned THEN ${relayId} END,
          epoch = c.epoch + CASE WHEN l.is_assigned AND NOT l.is_held THEN 1 ELSE 0 END,
          lease_until = CASE WHEN l.is_assigned THEN now() + ${leaseMs}::float8 * interval '1 millisecond' END
        FROM locked l WHERE c.name = l.name AND c.partition = l.partition
        RETURNING c.name, c.partition, c.epoch, c.position, c.owner)
      SELECT t.name, t.partition, t.epoch::float8 AS epoch, t.position::float8 AS position,
        EXISTS (SELECT FROM parked_events k WHERE k.name = t.name AND k.partition = t.partition AND k.retry_requested) AS "hasRetries"
      FROM tended t WHERE t.owner = ${relayId} ORDER BY t.name, t.partition`.catch(rethrow);
  }

  async leave(relayId: string): Promise<void> {
    await this.database.$executeRaw`
      WITH gone AS (DELETE FROM relays WHERE relay_id = ${relayId}),
      locked AS (
        SELECT name, partition FROM event_cursors WHERE owner = ${relayId} ORDER BY name, partition FOR NO KEY UPDATE)
      UPDATE event_cursors c SET owner = NULL, lease_until = NULL
      FROM locked l WHERE c.name = l.name AND c.partition = l.partition`.catch(rethrow);
  }

  async move({ name, partition, epoch }: OwnedCursor, position: number): Promise<boolean> {
    const count = await this.database.$executeRaw`
      UPDATE event_cursors SET position = GREATEST(position, ${position}::int8)
      WHERE name = ${name} AND partition = ${partition}::int4 AND epoch = ${epoch}::int8`.catch(rethrow);
    return count === 1;
  }

  async park(
    { name, partition, epoch }: OwnedCursor,
    { position: at, sequence }: ParkedPlace,
    code: string,
    position: number,
  ): Promise<boolean> {
    const rows = await this.database.$queryRaw<{ moved: number }[]>`
      WITH moved AS (
        UPDATE event_cursors SET position = GREATEST(position, ${position}::int8)
        WHERE name = ${name} AND partition = ${partition}::int4 AND epoch = ${epoch}::int8 RETURNING 1),
      parked AS (
        INSERT INTO parked_events (name, partition, position, sequence, code)
        SELECT ${name}, ${partition}::int4, ${at}::int8, ${sequence}::int8, ${code} FROM moved
        ON CONFLICT (name, partition, position, sequence)
          DO UPDATE SET code = EXCLUDED.code, attempts = parked_events.attempts + 1, parked_at = EXCLUDED.parked_at)
      SELECT 1 AS moved FROM moved`.catch(rethrow);
    return rows.length === 1;
  }

  async retries({ name, partition }: CursorKey, limit: number): Promise<ParkedPlace[]> {
    const places = await this.database.parkedEvent
      .findMany({
        where: { name, partition, retryRequested: true },
        select: { position: true, sequence: true },
        orderBy: [{ position: 'asc' }, { sequence: 'asc' }],
        take: limit,
      })
      .catch(rethrow);
    return places.map(({ position, sequence }) => ({ position: Number(position), sequence: Number(sequence) }));
  }

  async settleRetry(
    { name, partition, epoch }: OwnedCursor,
    { position, sequence }: ParkedPlace,
    failedWith: string | null,
  ): Promise<boolean> {
    const key = Prisma.sql`e.name = ${name} AND e.partition = ${partition}::int4 AND e.position = ${position}::int8
      AND e.sequence = ${sequence}::int8`;
    const settle =
      failedWith === null
        ? Prisma.sql`DELETE FROM parked_events e USING owned WHERE ${key}`
        : Prisma.sql`UPDATE parked_events e SET code = ${failedWith}, attempts = attempts + 1, retry_requested = false
            FROM owned WHERE ${key}`;
    const rows = await this.database.$queryRaw<{ owned: number }[]>`
      WITH owned AS (
        SELECT 1 FROM event_cursors
        WHERE name = ${name} AND partition = ${partition}::int4 AND epoch = ${epoch}::int8 FOR SHARE),
      settled AS (${settle} RETURNING 1)
      SELECT 1 AS owned FROM owned`.catch(rethrow);
    return rows.length === 1;
  }

  async states(): Promise<CursorState[]> {
    return await this.database.$queryRaw<CursorState[]>`
      SELECT c.name, c.partition, c.position::float8 AS position, c.epoch::float8 AS epoch,
        CASE WHEN c.lease_until > now() THEN c.owner END AS owner, coalesce(p.position, s.imports)::float8 AS "end",
        CASE WHEN p.partition IS NOT NULL THEN greatest(p.position - c.position, 0) ELSE (
          SELECT count(*) FROM (
            SELECT 1 FROM chats i WHERE i.import_number > c.position::int4
              AND i.partition IS DISTINCT FROM ${PARTITION_WHILE_IMPORTED}::int4 LIMIT ${LAG_CHATS_MAX}::int8) w)
        END::float8 AS lag,
        CASE WHEN p.position > c.position THEN coalesce((
          SELECT greatest(extract(epoch FROM now() - e.at), 0) FROM chat_events e
          WHERE e.partition = p.partition AND e.position > c.position ORDER BY e.position LIMIT 1), 0)
        ELSE 0 END::float8 AS "lagSeconds",
        (SELECT count(*) FROM parked_events k WHERE k.name = c.name AND k.partition = c.partition)::float8 AS parked
      FROM event_cursors c CROSS JOIN store s LEFT JOIN partitions p ON p.partition = c.partition
      ORDER BY c.name, c.partition`.catch(rethrow);
  }

  async parked(name: string, limit: number): Promise<ParkedEvent[]> {
    const events = await this.database.parkedEvent
      .findMany({
        where: { name },
        orderBy: [{ partition: 'asc' }, { position: 'asc' }, { sequence: 'asc' }],
        take: limit,
      })
      .catch(rethrow);
    return events.map(({ retryRequested, position, sequence, ...event }) => ({
      ...event,
      position: Number(position),
      sequence: Number(sequence),
      isRetryRequested: retryRequested,
    }));
  }

  async requestRetry(name: string): Promise<number> {
    const data = { retryRequested: true };
    const { count } = await this.database.parkedEvent.updateMany({ where: { name }, data }).catch(rethrow);
    return count;
  }

  async rebuild(name: string): Promise<number> {
    return await this.database.$executeRaw`
      WITH locked AS (SELECT name, partition FROM event_cursors WHERE name = ${name} ORDER BY partition FOR NO KEY UPDATE),
      forgotten AS (DELETE FROM parked_events WHERE name = ${name})
      UPDATE event_cursors c SET position = 0, epoch = c.epoch + 1, owner = NULL, lease_until = NULL
      FROM locked l WHERE c.name = l.name AND c.partition = l.partition`.catch(rethrow);
  }
}
