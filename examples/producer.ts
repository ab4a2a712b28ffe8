/**
 * A producer: publishes commands with confirms and prints the receipt of each.
 *
 *     AMQP_URL=amqp://… node dist/examples/producer.js [chat id]
 *
 * A new chat unless an id is given. What happens when something fails is left out here; command-publisher.ts has it.
 */
import { once } from 'node:events';
import { connect } from 'amqplib';
import { v7 } from 'uuid';
import type { Command } from '../src/contract/commands.js';
import type { Receipt } from '../src/contract/receipts.js';
import { names } from '../src/contract/topology.js';

const RECEIPT_TIMEOUT_MS = 10_000;
const namespace = process.env.CHAT_NAMESPACE ?? 'chat';
const tenantId = 'default';
const chatId = process.argv[2] ?? v7();

const connection = await connect(process.env.AMQP_URL ?? 'amqp://127.0.0.1');
const channel = await connection.createConfirmChannel();

// Direct reply-to: no queue is declared, and receipts come back on this very channel. It has to be consumed before anything is published.
const awaited = new Map<string, (receipt: Receipt) => void>();
await channel.consume(
  'amq.rabbitmq.reply-to',
  (message) => {
    if (message === null) return;
    awaited.get(message.properties.correlationId)?.(JSON.parse(message.content.toString('utf8')) as Receipt);
  },
  { noAck: true },
);
channel.on('return', () => {
  process.stderr.write('no queue takes commands: start a worker first\n');
  process.exit(1);
});

/** Resolves with the receipt, which is sent only after the effects are committed. */
async function ask({ type, commandId, chatId: chat, ...rest }: Command): Promise<Receipt> {
  const receipt = new Promise<Receipt>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no receipt for ${commandId}`)), RECEIPT_TIMEOUT_MS);
    awaited.set(commandId, (answer) => {
      clearTimeout(timer);
      awaited.delete(commandId);
      resolve(answer);
    });
  });
  const body = chat === null ? rest : { ...rest, chatId: chat };
  // The routing key is the chat id, for user.upsert the actor id: it decides which partition serves the command.
  channel.publish(names.commands(namespace), chat ?? rest.actorId, Buffer.from(JSON.stringify(body)), {
    type,
    messageId: commandId,
    correlationId: commandId,
    contentType: 'application/json',
    replyTo: 'amq.rabbitmq.reply-to',
    persistent: true,
    mandatory: true,
  });
  await channel.waitForConfirms();
  return receipt;
}

function print(receipt: Receipt): void {
  process.stdout.write(`${receipt.type} ${receipt.status} ${JSON.stringify(receipt)}\n`);
}

// The command id is the idempotency key: asking again with the same id has no second effect.
print(
  await ask({
    type: 'user.upsert',
    commandId: v7(),
    tenantId,
    actorId: 'alice',
    chatId: null,
    data: { displayName: 'Alice' },
  }),
);
if (process.argv[2] === undefined)
  print(
    await ask({
      type: 'chat.create',
      commandId: v7(),
      tenantId,
      actorId: 'alice',
      chatId,
      data: { kind: 'group', title: 'First steps', memberIds: ['bob'] },
    }),
  );
const hello: Command = {
  type: 'message.send',
  commandId: v7(),
  tenantId,
  actorId: 'alice',
  chatId,
  data: { body: 'Hello, Bob.' },
};
print(await ask(hello));
print(await ask(hello)); // the same once more: the same receipt, marked as replayed

const closed = once(connection, 'close');
await connection.close();
await closed;
