/** Each read that the typed client does, beside the raw statement that it replaced, with the same result. */
import { Prisma, type PrismaClient } from '../../src/adapters/stores/prisma/generated/client.js';
import { PrismaDecisionLog } from '../../src/adapters/stores/prisma/log/prisma-decision-log.js';
import { PrismaEventCursors } from '../../src/adapters/stores/prisma/log/prisma-event-cursors.js';
import { PrismaEventLog } from '../../src/adapters/stores/prisma/log/prisma-event-log.js';
import { PrismaLogReader } from '../../src/adapters/stores/prisma/log/prisma-log-reader.js';
import { PrismaChatPartitions } from '../../src/adapters/stores/prisma/prisma-chat-partitions.js';
import { PrismaPartitionRegistry } from '../../src/adapters/stores/prisma/prisma-partition-registry.js';
import { PrismaChatQueries } from '../../src/adapters/stores/prisma/queries/prisma-chat-queries.js';
import { storedReceiptKey } from '../../src/adapters/stores/prisma/receipts/receipt-key.js';
import {
  RECEIPT_COLUMNS,
  type ReceiptRow,
  toStoredReceipt,
} from '../../src/adapters/stores/prisma/receipts/receipt-rows.js';
import {
  MEMBER_COLUMNS,
  type MemberRow,
  milliseconds,
  toMember,
  toUser,
  USER_COLUMNS,
  type UserRow,
} from '../../src/adapters/stores/prisma/rows.js';

export const ROWS = 10_000;
const PARTITIONS = 64;
const PAGE = 50;
const CHAT_PAGE = 1_000;
const TENANT_ID = 'default';
const ROOM = '00000000-0000-4000-8000-000000000001';
const WORKER = 'worker';
/** A time without end: no worker is forgotten while the bench runs. */
const ALIVE_MS = 3_600_000;

const uuid = (n: string) => `('00000000-0000-4000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;
const uuidOf = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

/** Profiles and decisions have attributes as large as usual ones. */
export const LOAD = `
  UPDATE store SET namespace = 'chat', partitions = ${PARTITIONS};
  INSERT INTO partitions (partition, position) SELECT n, ${ROWS} FROM generate_series(0, ${PARTITIONS - 1}) n;
  INSERT INTO users (tenant_id, user_id, display_name, avatar_url, kind, metadata, claims, revision, created_at, updated_at)
  SELECT '${TENANT_ID}', 'user-' || n, 'Name of ' || n, 'https://example.org/' || n, 'human', '{"locale":"en","theme":{"dark":true}}',
    '{"teams":["blue","green"],"level":3}', 1, now(), now() FROM generate_series(1, ${ROWS}) n;
  INSERT INTO receipts (slot, key, content_hash, chat_id, message_id, decision_id, sequence, at, tenant_id, actor_id, rest)
  SELECT 0, receipt_key('${TENANT_ID}', 'user-' || n, n::text), md5(n::text)::uuid, ${uuid('n')}, ${uuid('n')}, ${uuid('n')}, n, now(),
    '${TENANT_ID}', 'user-' || n, '' FROM generate_series(1, ${ROWS}) n;
  INSERT INTO policies (version, source) VALUES ('default-1@0123456789ab', repeat('rules: []
', 400));
  INSERT INTO decisions (decision_id, at, tenant_id, actor_id, command_id, chat_id, action, effect, rule, policy_version, attributes,
    attributes_digest)
  SELECT ${uuid('n')}, now(), '${TENANT_ID}', 'user-' || n, n::text, ${uuid('n')}, 'message.send', 'deny', 'members-post', 'default-1@0123456789ab',
    json_build_object('action', 'message.send', 'actor', json_build_object('tenantId', '${TENANT_ID}', 'userId', 'user-' || n, 'kind', 'human',
      'claims', json_build_object('teams', json_build_array('blue'))), 'role', 'member', 'text', json_build_object('length', 5, 'hasLinks', false)),
    sha256(n::text::bytea)
  FROM generate_series(1, ${ROWS}) n;
  INSERT INTO chats (chat_id, tenant_id, partition, kind, metadata, created_by, created_at, last_sequence, last_ordinal, member_count,
    owner_count, last_activity_at)
  SELECT ${uuid('n')}, '${TENANT_ID}', n % ${PARTITIONS}, 'group', '{}', 'user-1', now(), 1, 0, 1, 1, now() FROM generate_series(1, ${ROWS}) n;
  INSERT INTO members (chat_id, user_id, tenant_id, role, joined_at, joined_sequence, read_sequence, read_ordinal)
  SELECT '${ROOM}', 'user-' || n, '${TENANT_ID}', 'member', now(), 1, 2, 1 FROM generate_series(1, ${ROWS}) n;
  INSERT INTO chat_events (partition, position, type, tenant_id, actor_id, command_id, at)
  SELECT 0, n, 'command.rejected', '${TENANT_ID}', 'user-1', n::text, now() FROM generate_series(1, ${ROWS}) n;
  INSERT INTO parked_events (name, partition, position, sequence, code)
  SELECT 'search', n % ${PARTITIONS}, n, 0, 'too-long' FROM generate_series(1, ${ROWS}) n;
  ANALYZE;`;

export interface Pair {
  name: string;
  /** Whether a worker does it. */
  inWorker?: boolean;
  /** The n-th call: another row. */
  raw(n: number): Promise<unknown>;
  typed(n: number): Promise<unknown>;
}

interface RawDecision {
  at: number;
  attributes: string;
}

export function pairs(database: PrismaClient): Pair[] {
  const queries = new PrismaChatQueries(database);
  const decisions = new PrismaDecisionLog(database);
  const row = (n: number) => 1 + ((n * 37) % (ROWS - CHAT_PAGE));
  const user = (n: number) => ({ tenantId: TENANT_ID, userId: `user-${row(n)}` });
  const receipt = (n: number) => ({ tenantId: TENANT_ID, actorId: `user-${row(n)}`, commandId: String(row(n)) });
  const ask = <Row>(statement: Prisma.Sql) => database.$queryRaw<Row[]>(statement);
  return [
    {
      name: 'profile',
      raw: async (n) => {
        const { tenantId, userId } = user(n);
        const [found] = await ask<UserRow>(
          Prisma.sql`SELECT ${USER_COLUMNS} FROM users u WHERE u.tenant_id = ${tenantId} AND u.user_id = ${userId}`,
        );
        return found && toUser(found);
      },
      typed: (n) => queries.findUser(user(n)),
    },
    {
      name: 'receipt',
      raw: async (n) => {
        const key = receipt(n);
        const [found] = await ask<ReceiptRow>(
          Prisma.sql`SELECT ${RECEIPT_COLUMNS} FROM receipts r WHERE r.key = ${storedReceiptKey(key)}::uuid`,
        );
        return found && toStoredReceipt(key, found);
      },
      typed: (n) => queries.findReceipt(receipt(n)),
    },
    {
      name: `page of ${PAGE} members`,
      raw: async (n) => {
        const found = await ask<MemberRow>(Prisma.sql`
          SELECT ${MEMBER_COLUMNS} FROM members m WHERE m.chat_id = ${ROOM}::uuid AND m.user_id > ${user(n).userId}
          ORDER BY m.user_id LIMIT ${PAGE}::int8`);
        return found.map(toMember);
      },
      typed: (n) => queries.listMembers(ROOM, user(n).userId, PAGE),
    },
    {
      name: 'decision',
      raw: async (n) => {
        const [found] = await ask<RawDecision>(
          Prisma.sql`SELECT ${DECISION_COLUMNS} FROM decisions d WHERE d.decision_id = ${uuidOf(row(n))}::uuid`,
        );
        return found && toDecision(found);
      },
      typed: (n) => decisions.find(uuidOf(row(n))),
    },
    {
      name: `page of ${PAGE} decisions`,
      raw: async (n) => {
        const found = await ask<RawDecision>(Prisma.sql`
          SELECT ${DECISION_COLUMNS} FROM decisions d WHERE d.decision_id > ${uuidOf(row(n))}::uuid
          ORDER BY d.decision_id LIMIT ${PAGE}::int8`);
        return found.map(toDecision);
      },
      typed: (n) => decisions.page(new Date(0), uuidOf(row(n)), PAGE),
    },
    {
      name: 'policy',
      raw: async () => {
        const version = 'default-1@0123456789ab';
        const [found] = await ask<{ source: string }>(
          Prisma.sql`SELECT source FROM policies WHERE version = ${version}`,
        );
        return found?.source;
      },
      typed: () => decisions.findPolicy('default-1@0123456789ab'),
    },
    {
      name: 'store id',
      inWorker: true,
      raw: async () => (await ask<{ id: string }>(Prisma.sql`SELECT store_id::text AS id FROM store`))[0]?.id,
      typed: () => new PrismaEventLog(database).storeId(),
    },
    {
      name: `heartbeat, with ${PARTITIONS} partitions`,
      inWorker: true,
      raw: async () => {
        await database.$executeRaw`
          WITH forgotten AS (
            DELETE FROM workers WHERE worker_id IN (
              SELECT worker_id FROM workers
              WHERE worker_id <> ${WORKER} AND heartbeat_at < now() - ${60_000}::float8 * interval '1 millisecond' FOR UPDATE SKIP LOCKED))
          INSERT INTO workers (worker_id, heartbeat_at) VALUES (${WORKER}, now())
          ON CONFLICT (worker_id) DO UPDATE SET heartbeat_at = EXCLUDED.heartbeat_at`;
        const workers = await database.$queryRaw<{ workerId: string }[]>`
          SELECT worker_id AS "workerId" FROM workers
          WHERE worker_id = ${WORKER} OR heartbeat_at >= now() - ${ALIVE_MS}::float8 * interval '1 millisecond'`;
        const partitions = await database.$queryRaw`
          SELECT partition, epoch::float8 AS epoch, owner, position::float8 AS position, published_through::float8 AS "publishedThrough",
            log_floor::float8 AS "logFloor"
          FROM partitions ORDER BY partition`;
        return { workers: workers.map(({ workerId }) => workerId), partitions };
      },
      typed: () => new PrismaPartitionRegistry(database).heartbeat(WORKER, ALIVE_MS),
    },
    {
      name: 'last event of a partition',
      raw: async (n) => {
        const [found] = await ask<{ position: number }>(Prisma.sql`
          SELECT position::float8 AS position FROM chat_events WHERE partition = ${0} AND position <= ${row(n)} ORDER BY position DESC LIMIT 1`);
        return found?.position;
      },
      typed: (n) => new PrismaLogReader(database).lastOf(0, row(n)),
    },
    {
      name: `page of ${PAGE} parked events`,
      raw: async () => {
        const found = await ask<{ parkedAt: number }>(Prisma.sql`
          SELECT name, partition, position::float8 AS position, sequence::float8 AS sequence, code, attempts,
            ${Prisma.raw(milliseconds('parked_at', 'parkedAt'))}, retry_requested AS "isRetryRequested"
          FROM parked_events e WHERE name = ${'search'} ORDER BY e.partition, e.position, e.sequence LIMIT ${PAGE}::int8`);
        return found.map((event) => ({ ...event, parkedAt: new Date(event.parkedAt) }));
      },
      typed: () => new PrismaEventCursors(database).parked('search', PAGE),
    },
    {
      name: `partitions of ${CHAT_PAGE} chats`,
      raw: (n) =>
        ask(Prisma.sql`
          SELECT chat_id::text AS "chatId", partition FROM chats
          WHERE partition >= 0 AND chat_id > ${uuidOf(row(n))}::uuid ORDER BY chat_id LIMIT ${CHAT_PAGE}::int4`),
      typed: (n) => new PrismaChatPartitions(database).page(uuidOf(row(n)), CHAT_PAGE),
    },
  ];
}

/** Columns of `decisions d`. */
const DECISION_COLUMNS = Prisma.raw(`d.decision_id::text AS "decisionId", ${milliseconds('d.at', 'at')},
  d.tenant_id AS "tenantId", d.actor_id AS "actorId", d.command_id AS "commandId", d.chat_id::text AS "chatId", d.action, d.effect,
  d.rule, d.policy_version AS "policyVersion", d.attributes::text AS attributes, encode(d.attributes_digest, 'hex') AS "attributesDigest",
  d.refused_as AS "refusedAs"`);

function toDecision(row: RawDecision) {
  return { ...row, at: new Date(row.at), attributes: JSON.parse(row.attributes) };
}
