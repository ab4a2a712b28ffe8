/**
 * The naive service: a typical first version with an ORM. One Prisma transaction per message, ten concurrently; the
 * event's confirm is awaited before the command is acknowledged; a receipt row against repeats. It has the queues and
 * tables of Parley, on the same servers. It guarantees no order, moves no read marks, lists no recipients, and stores
 * no decisions.
 *
 * Started by the bench; stops at SIGTERM.
 */
import { PrismaPg } from '@prisma/adapter-pg';
import amqp from 'amqplib';
import { v7 } from 'uuid';
import { PrismaClient } from '../../src/adapters/stores/prisma/generated/client.js';
import { storedReceiptKey } from '../../src/adapters/stores/prisma/receipts/receipt-key.js';
import { names } from '../../src/contract/messages/topology.js';
import { NO_DELAY } from '../running/no-delay.js';

const AT_ONCE = 10;
const TRANSACTION_LIMIT_MS = 60_000;
const TENANT = 'default';
/** It does not compare contents. */
const NO_HASH = '00000000-0000-0000-0000-000000000000';

const namespace = process.env.CHAT_NAMESPACE ?? 'chat';
const partitions = Number(process.env.COMMAND_PARTITIONS ?? '8');
const adapter = new PrismaPg({ connectionString: process.env.DATABASE_URL, max: AT_ONCE });
const database = new PrismaClient({
  adapter,
  transactionOptions: { maxWait: TRANSACTION_LIMIT_MS, timeout: TRANSACTION_LIMIT_MS },
});
const connection = await amqp.connect(process.env.AMQP_URL ?? '', NO_DELAY);
const channel = await connection.createConfirmChannel();
// Prefetch of each partition; the pool limits all of them together to ten transactions.
await channel.prefetch(AT_ONCE);

interface Sent {
  commandId: string;
  actorId: string;
  chatId: string;
  body: string;
}

/** In one transaction: returns an earlier receipt, else writes every row of the message. */
async function store({ commandId, actorId, chatId, body }: Sent, now: Date) {
  return database.$transaction(async (tx) => {
    const key = storedReceiptKey({ tenantId: TENANT, actorId, commandId });
    const earlier = await tx.receipt.findUnique({ where: { key } });
    if (earlier !== null) return null;
    const member = await tx.member.findUnique({ where: { chatId_userId: { chatId, userId: actorId } } });
    if (member === null) throw new Error('not a member');
    const chat = await tx.chat.update({
      where: { chatId },
      data: { lastSequence: { increment: 1 }, lastOrdinal: { increment: 1 }, lastActivityAt: now },
    });
    const { lastSequence: sequence, lastOrdinal: ordinal } = chat;
    const message = await tx.message.create({
      data: {
        ...{ chatId, sequence, ordinal, messageId: v7(), tenantId: TENANT, senderId: actorId, revision: 1, body },
        ...{ contentType: 'text/plain', createdAt: now },
      },
    });
    const [next] = await tx.$queryRaw<{ position: bigint }[]>`SELECT nextval('plain_position') AS position`;
    await tx.chatEvent.create({
      data: {
        ...{ partition: 0, position: next?.position ?? 0n, type: 'message.created', tenantId: TENANT },
        ...{ chatId, sequence, actorId, commandId, at: now },
      },
    });
    const { messageId } = message;
    await tx.receipt.create({
      data: {
        ...{ slot: 0, key, contentHash: NO_HASH, chatId, messageId, sequence, at: now },
        ...{ tenantId: TENANT, actorId, rest: '' },
      },
    });
    return {
      ...{ commandId, type: 'message.send', status: 'accepted', tenantId: TENANT, chatId, replayed: false },
      ...{ messageId, sequence: Number(sequence), at: now.toISOString() },
    };
  });
}

async function handle(delivery: amqp.ConsumeMessage): Promise<void> {
  const { messageId: commandId, replyTo, correlationId } = delivery.properties;
  const { actorId, chatId, data } = JSON.parse(delivery.content.toString());
  const receipt = await store({ commandId, actorId, chatId, body: data.body }, new Date());
  if (receipt !== null) {
    const event = { id: `${chatId}/${receipt.sequence}`, data: { ...receipt, senderId: actorId, body: data.body } };
    await new Promise<void>((resolve, reject) =>
      channel.publish(
        names.events(namespace),
        `message.created.${TENANT}.${chatId}`,
        Buffer.from(JSON.stringify(event)),
        { persistent: true, messageId: event.id },
        (error: unknown) => (error ? reject(error as Error) : resolve()),
      ),
    );
    channel.sendToQueue(replyTo, Buffer.from(JSON.stringify(receipt)), { correlationId });
  }
  channel.ack(delivery);
}

for (let partition = 0; partition < partitions; partition += 1)
  await channel.consume(names.commandQueue(namespace, partition), (delivery) => {
    if (delivery !== null) void handle(delivery);
  });
console.log('the naive service consumes');
process.on('SIGTERM', () => process.exit(0));
