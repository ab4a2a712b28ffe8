/**
 * The ceiling: the input and output of Parley without its decisions. It has the same queues, batches of all partitions
 * together, rows, bytes, confirms and acknowledgements, with `amqplib` and `pg` alone. The difference to Parley is the
 * cost of validation, policy, snapshot and recovery, and of the search index, which it does not fill.
 *
 * Left out: the epoch and the take-over, the lookup of earlier receipts, the attributes of chats and members (the
 * members of a chat are computed from its number), the canonical form for the content hash (it hashes the bytes), the
 * key order of receipts, heartbeats, metrics, and recovery: it exits on the first failure. It accepts `message.send`
 * only.
 *
 * Started by the bench; stops at SIGTERM.
 */
import { createHash } from 'node:crypto';
import amqp from 'amqplib';
import pg from 'pg';
import { v7 } from 'uuid';
import { storedReceiptKey } from '../../src/adapters/stores/prisma/receipts/receipt-key.js';
import { EVENT_CONTENT_TYPE } from '../../src/contract/messages/events.js';
import { names } from '../../src/contract/messages/topology.js';
import { Population } from '../population/population.js';
import { NO_DELAY } from '../running/no-delay.js';

/** The limits of delivery-buffer.ts, partition-consumer.ts and group-commit.ts. */
const BATCH_MAX_COMMANDS = 256;
const PREFETCH = 512;
const GROUP_MAX_COMMANDS = 512;
const SECOND_GROUP_COMMANDS = 192;
const GROUPS_MAX = 2;
/** The default of Parley's `EVENT_RECIPIENTS_MAX`. */
const RECIPIENTS_MAX = 256;
/** How often the published position is saved if no batch saves it, as in worker.ts. */
const SAVE_INTERVAL_MS = 500;

const namespace = process.env.CHAT_NAMESPACE ?? 'chat';
const partitions = Number(process.env.COMMAND_PARTITIONS ?? '8');
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: partitions });
const sampleRate = Number(process.env.DECISION_SAMPLE_RATE ?? '0.01');
const population = new Population(Number(process.env.CHATS ?? '0'));
const consuming = await amqp.connect(process.env.AMQP_URL ?? '', NO_DELAY);
const publishing = await amqp.connect(process.env.AMQP_URL ?? '', NO_DELAY);
const receipts = await publishing.createChannel();
/** Number of confirmed events by partition. All earlier events of the log are confirmed too. */
const published = new Array<number>(partitions).fill(0);
const saved = new Array<number>(partitions).fill(0);

interface Sent {
  delivery: amqp.ConsumeMessage;
  actorId: string;
  chatId: string;
  body: string;
  messageId: string;
  decisionId: string;
  sequence: number;
  ordinal: number;
}

/** Parses the body, since the rows need its fields. */
function read(delivery: amqp.ConsumeMessage): Sent {
  const { actorId, chatId, data } = JSON.parse(delivery.content.toString());
  return { delivery, actorId, chatId, body: data.body, messageId: v7(), decisionId: v7(), sequence: 0, ordinal: 0 };
}

const commandId = ({ delivery }: Sent): string => delivery.properties.messageId;

function receiptOf(sent: Sent, at: string): string {
  return JSON.stringify({
    ...{
      commandId: commandId(sent),
      type: 'message.send',
      status: 'accepted',
      tenantId: 'default',
      chatId: sent.chatId,
    },
    ...{ messageId: sent.messageId, sequence: sent.sequence, at, decisionId: sent.decisionId, replayed: false },
  });
}

const membersOf = new Map<string, string[]>();

/** The recipients of an event, up to the limit. */
function recipientsOf({ chatId, actorId }: Sent) {
  let members = membersOf.get(chatId);
  if (members === undefined) {
    const index = population.indexOf(chatId);
    members = Array.from({ length: population.size(index) }, (_, nth) => population.member(index, nth));
    membersOf.set(chatId, members);
  }
  const recipients = members.length > RECIPIENTS_MAX ? null : members.filter((userId) => userId !== actorId);
  return { recipients, forActor: recipients === null ? null : true, recipientCount: members.length - 1 };
}

/** As many attributes as Parley's decision log stores for a permit. */
function attributesOf({ actorId, body }: Sent): string {
  return JSON.stringify({
    ...{
      action: 'message.send',
      actor: { tenantId: 'default', userId: actorId, kind: 'human', claims: {}, token: null },
    },
    ...{
      producer: { userId: null, appId: null },
      chat: { kind: 'group', archived: false },
      role: 'member',
      target: null,
    },
    ...{
      grantedRole: null,
      message: null,
      text: { length: body.length, hasLinks: false, mentions: 0, attachments: 0 },
    },
    ...{ deleteMode: null, profile: null, decision: null },
  });
}

function eventOf(sent: Sent, at: string): Buffer {
  const { chatId, sequence, messageId, actorId, body } = sent;
  const about = { tenantId: 'default', chatId, actorId, commandId: commandId(sent), sequence };
  const message = {
    messageId,
    senderId: actorId,
    body,
    contentType: 'text/plain',
    inReplyTo: null,
    threadRootId: null,
  };
  const rest = {
    mentions: [],
    attachments: [],
    metadata: {},
    createdAt: at,
    ...recipientsOf(sent),
  };
  return Buffer.from(
    JSON.stringify({
      ...{
        specversion: '1.0',
        id: `${chatId}/${sequence}`,
        source: '/parley/ceiling/default',
        type: 'message.created',
      },
      ...{ subject: `chats/${chatId}/messages/${messageId}`, time: at, datacontenttype: 'application/json' },
      ...{ partitionkey: chatId, sequence: String(sequence), data: { ...about, ...message, ...rest } },
    }),
  );
}

/** The commands of one partition in a transaction, in order. */
interface Part {
  partition: number;
  batch: Sent[];
}

/** Continues the sequence numbers of the chats, and writes every row that Parley writes for a message. */
async function store(parts: readonly Part[], at: string): Promise<void> {
  const batch = parts.flatMap((part) => part.batch);
  const partitionOf = parts.flatMap((part) => part.batch.map(() => part.partition));
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows: locked } = await client.query({
      name: 'lock',
      text: `SELECT partition, position::float8 AS position FROM partitions WHERE partition = ANY ($1::int4[])
        ORDER BY partition FOR UPDATE`,
      values: [parts.map(({ partition }) => partition)],
    });
    const before = new Map(locked.map(({ partition, position }) => [partition as number, position as number]));
    const first = (partition: number) => before.get(partition) ?? 0;
    const positions = parts.flatMap((part) => part.batch.map((_, index) => first(part.partition) + index + 1));
    const { rows: chats } = await client.query({
      name: 'chats',
      text: `UPDATE chats c SET last_sequence = last_sequence + n, last_ordinal = last_ordinal + n, last_activity_at = $2,
          last_position = k.position, partition = k.partition
        FROM (
          SELECT chat_id, count(*) AS n, max(position) AS position, min(partition) AS partition
          FROM unnest($1::uuid[], $3::int8[], $4::int4[]) t(chat_id, position, partition) GROUP BY chat_id) k
        WHERE c.chat_id = k.chat_id
        RETURNING c.chat_id, (last_sequence - n)::float8 AS sequence, (last_ordinal - n)::float8 AS ordinal`,
      values: [batch.map(({ chatId }) => chatId), at, positions, partitionOf],
    });
    const last = new Map(chats.map(({ chat_id, sequence, ordinal }) => [chat_id as string, { sequence, ordinal }]));
    for (const sent of batch) {
      const numbers = last.get(sent.chatId) ?? { sequence: 0, ordinal: 0 };
      numbers.sequence += 1;
      numbers.ordinal += 1;
      Object.assign(sent, numbers);
    }
    const senders = new Map(batch.map((sent) => [`${sent.chatId} ${sent.actorId}`, sent]));
    const marks = [...senders.values()];
    const kept = batch.filter(() => Math.random() < sampleRate);
    const through = parts.map(({ partition }) => published[partition] ?? 0);
    await client.query({
      name: 'rows',
      text: `WITH m AS (
          INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type, created_at)
          SELECT chat_id, sequence, message_id, 'default', ordinal, actor_id, 1, body, 'text/plain', $8
          FROM unnest($1::uuid[], $2::int8[], $3::uuid[], $4::int8[], $5::text[], $6::text[]) t(chat_id, sequence, message_id, ordinal, actor_id, body)),
        e AS (
          INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at)
          SELECT partition, position, 'message.created', 'default', chat_id, sequence, actor_id, command_id, $8
          FROM unnest($1::uuid[], $2::int8[], $5::text[], $7::text[], $9::int4[], $10::int8[])
            t(chat_id, sequence, actor_id, command_id, partition, position)),
        r AS (
          INSERT INTO receipts (slot, key, content_hash, chat_id, message_id, decision_id, sequence, at, tenant_id, actor_id, rest)
          SELECT 0, key, hash, chat_id, message_id, decision_id, sequence, $8, 'default', actor_id, ''
          FROM unnest($12::uuid[], $11::uuid[], $1::uuid[], $3::uuid[], $23::uuid[], $2::int8[], $5::text[])
            t(key, hash, chat_id, message_id, decision_id, sequence, actor_id)),
        k AS (
          UPDATE members m SET read_sequence = w.sequence, read_ordinal = w.ordinal
          FROM unnest($13::uuid[], $14::text[], $15::int8[], $16::int8[]) w(chat_id, user_id, sequence, ordinal)
          WHERE m.chat_id = w.chat_id AND m.user_id = w.user_id),
        d AS (
          INSERT INTO decisions (decision_id, at, tenant_id, actor_id, command_id, chat_id, action, effect, rule, policy_version, attributes, attributes_digest)
          SELECT decision_id, $8, 'default', actor_id, command_id, chat_id, 'message.send', 'permit', 'members-post', 'default-1', attributes::json,
            sha256(convert_to(attributes, 'UTF8'))
          FROM unnest($17::uuid[], $18::text[], $19::text[], $20::uuid[], $21::text[]) t(decision_id, actor_id, command_id, chat_id, attributes))
        UPDATE partitions p SET position = w.position, published_through = GREATEST(p.published_through, w.through)
        FROM unnest($24::int4[], $25::int8[], $22::int8[]) w(partition, position, through) WHERE p.partition = w.partition`,
      values: [
        batch.map(({ chatId }) => chatId),
        batch.map(({ sequence }) => sequence),
        batch.map(({ messageId }) => messageId),
        batch.map(({ ordinal }) => ordinal),
        batch.map(({ actorId }) => actorId),
        batch.map(({ body }) => body),
        batch.map(commandId),
        at,
        partitionOf,
        positions,
        batch.map(({ delivery }) => createHash('sha256').update(delivery.content).digest('hex').slice(0, 32)),
        batch.map((sent) =>
          storedReceiptKey({ tenantId: 'default', actorId: sent.actorId, commandId: commandId(sent) }),
        ),
        marks.map(({ chatId }) => chatId),
        marks.map(({ actorId }) => actorId),
        marks.map(({ sequence }) => sequence),
        marks.map(({ ordinal }) => ordinal),
        kept.map(({ decisionId }) => decisionId),
        kept.map(({ actorId }) => actorId),
        kept.map(commandId),
        kept.map(({ chatId }) => chatId),
        kept.map(attributesOf),
        through,
        batch.map(({ decisionId }) => decisionId),
        parts.map(({ partition }) => partition),
        parts.map((part) => first(part.partition) + part.batch.length),
      ],
    });
    await client.query('COMMIT');
    for (const [index, { partition }] of parts.entries()) saved[partition] = through[index] ?? 0;
  } finally {
    client.release();
  }
}

interface Served {
  partition: number;
  channel: amqp.Channel;
  events: amqp.ConfirmChannel;
  waiting: amqp.ConsumeMessage[];
  isInTransaction: boolean;
}

const served: Served[] = [];
let running = 0;

async function serve(partition: number): Promise<void> {
  const channel = await consuming.createChannel();
  const events = await publishing.createConfirmChannel();
  await channel.prefetch(PREFETCH);
  const waiting: amqp.ConsumeMessage[] = [];
  served.push({ partition, channel, events, waiting, isInTransaction: false });
  await channel.consume(names.commandQueue(namespace, partition), (message) => {
    if (message === null) return;
    waiting.push(message);
    setImmediate(startGroups);
  });
}

/** Starts a transaction of all partitions that have commands, and a second one beside it if many commands wait. */
function startGroups(): void {
  for (;;) {
    const ready = served.filter(({ waiting, isInTransaction }) => waiting.length > 0 && !isInTransaction);
    const commands = ready.reduce((sum, { waiting }) => sum + Math.min(waiting.length, BATCH_MAX_COMMANDS), 0);
    if (commands === 0 || running >= GROUPS_MAX || (running > 0 && commands < SECOND_GROUP_COMMANDS)) return;
    const group: (Served & Part)[] = [];
    let taken = 0;
    for (const one of ready) {
      if (taken > 0 && taken + one.waiting.length > GROUP_MAX_COMMANDS) break;
      one.isInTransaction = true;
      const batch = one.waiting.splice(0, BATCH_MAX_COMMANDS).map(read);
      taken += batch.length;
      group.push(Object.assign(one, { batch }));
    }
    running += 1;
    void run(group);
  }
}

async function run(group: readonly (Served & Part)[]): Promise<void> {
  const at = new Date().toISOString();
  await store(
    [...group].sort((a, b) => a.partition - b.partition),
    at,
  );
  for (const one of group) answer(one, at);
  for (const one of group) one.isInTransaction = false;
  running -= 1;
  // The next transaction begins with what has arrived meanwhile.
  served.push(...served.splice(0, group.length));
  startGroups();
}

function answer({ partition, channel, events, batch }: Served & Part, at: string): void {
  for (const sent of batch)
    events.publish(
      names.events(namespace),
      `message.created.default.${sent.chatId}`,
      eventOf(sent, at),
      {
        persistent: true,
        mandatory: true,
        messageId: `${sent.chatId}/${sent.sequence}`,
        type: 'message.created',
        contentType: EVENT_CONTENT_TYPE,
        timestamp: Math.floor(Date.parse(at) / 1000),
        headers: { 'chat-id': sent.chatId },
      },
      (error: unknown) => {
        if (error) throw error as Error;
        published[partition] = (published[partition] ?? 0) + 1;
      },
    );
  for (const sent of batch) {
    const { replyTo, correlationId } = sent.delivery.properties;
    const properties = { correlationId, type: 'receipt', contentType: 'application/json' };
    receipts.publish('', replyTo, Buffer.from(receiptOf(sent, at)), properties);
  }
  const last = batch.at(-1);
  if (last !== undefined) channel.ack(last.delivery, true);
}

/** Saves the published position of each partition that no batch has saved. */
async function savePublished(): Promise<void> {
  for (const [partition, through] of published.entries()) {
    if (through <= (saved[partition] ?? 0)) continue;
    saved[partition] = through;
    await pool.query(
      'UPDATE partitions SET published_through = GREATEST(published_through, $2::int8) WHERE partition = $1',
      [partition, through],
    );
  }
}

for (let partition = 0; partition < partitions; partition += 1) await serve(partition);
setInterval(() => void savePublished(), SAVE_INTERVAL_MS);
console.log('the ceiling consumes');
process.on('SIGTERM', () => process.exit(0));
