/**
 * The usual service: one transaction per message, `pg` without an ORM, ten deliveries concurrently; the event's confirm
 * is awaited before the command is acknowledged; a receipt row against repeats. It has the queues and tables of Parley,
 * on the same servers.
 *
 * Started by the bench with `--usual`; stops at SIGTERM.
 */

import amqp from 'amqplib';
import pg from 'pg';
import { v7 } from 'uuid';
import { names } from '../../src/contract/messages/topology.js';
import { NO_DELAY } from '../running/no-delay.js';

const PREFETCH = 10;

const namespace = process.env.CHAT_NAMESPACE ?? 'chat';
const partitions = Number(process.env.COMMAND_PARTITIONS ?? '8');
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: PREFETCH });
const connection = await amqp.connect(process.env.AMQP_URL ?? '', NO_DELAY);
const channel = await connection.createConfirmChannel();
// Prefetch of each partition; the pool limits all of them together to ten transactions.
await channel.prefetch(PREFETCH);

async function handle(message: amqp.ConsumeMessage): Promise<void> {
  const { messageId, replyTo, correlationId } = message.properties;
  const { actorId, chatId, data } = JSON.parse(message.content.toString());
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const receipt = await client.query(
      `INSERT INTO receipts (slot, key, content_hash, at, tenant_id, actor_id, rest)
       VALUES (0, receipt_key('default', $1, $2), md5('')::uuid, now(), 'default', $1, '') ON CONFLICT DO NOTHING`,
      [actorId, messageId],
    );
    if (receipt.rowCount === 0) throw new Error('a repeat');
    const member = await client.query('SELECT role FROM members WHERE chat_id = $1 AND user_id = $2', [
      chatId,
      actorId,
    ]);
    if (member.rowCount === 0) throw new Error('not a member');
    const chat = await client.query(
      `UPDATE chats SET last_sequence = last_sequence + 1, last_ordinal = last_ordinal + 1, last_activity_at = now()
       WHERE chat_id = $1 RETURNING last_sequence, last_ordinal`,
      [chatId],
    );
    const { last_sequence: sequence, last_ordinal: ordinal } = chat.rows[0];
    const id = v7();
    await client.query(
      `INSERT INTO messages (chat_id, sequence, message_id, tenant_id, ordinal, sender_id, revision, body, content_type, created_at)
       VALUES ($1, $2, $3, 'default', $4, $5, 1, $6, 'text/plain', now())`,
      [chatId, sequence, id, ordinal, actorId, data.body],
    );
    await client.query(
      `INSERT INTO chat_events (partition, position, type, tenant_id, chat_id, sequence, actor_id, command_id, at)
       VALUES (0, nextval('plain_position'), 'message.created', 'default', $1, $2, $3, $4, now())`,
      [chatId, sequence, actorId, messageId],
    );
    await client.query('COMMIT');
    const event = { id: `${chatId}/${sequence}`, data: { commandId: messageId, messageId: id, body: data.body } };
    await new Promise<void>((resolve, reject) =>
      channel.publish(
        names.events(namespace),
        `message.created.default.${chatId}`,
        Buffer.from(JSON.stringify(event)),
        { persistent: true, messageId: event.id },
        (error: unknown) => (error ? reject(error as Error) : resolve()),
      ),
    );
    const answer = {
      commandId: messageId,
      status: 'accepted',
      replayed: false,
      messageId: id,
      sequence: Number(sequence),
    };
    channel.sendToQueue(replyTo, Buffer.from(JSON.stringify(answer)), { correlationId });
    channel.ack(message);
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

for (let partition = 0; partition < partitions; partition += 1)
  await channel.consume(names.commandQueue(namespace, partition), (message) => {
    if (message !== null) void handle(message);
  });
console.log('usual service consumes');
process.on('SIGTERM', () => process.exit(0));
