/**
 * A producer: sends commands and prints the receipt of each.
 *
 *     AMQP_URL=amqp://… node dist/examples/producer.js [chat id]
 *
 * Creates a new chat if no id is given.
 */
import { randomUUID } from 'node:crypto';
import { CommandProducer } from '@parley-chat/client';
import { type Receipt, UUID_PATTERN } from '@parley-chat/client/contract';
import { brokerUrl, readPositionals, runExample } from './example-program.js';

const USAGE = `Sends commands and prints the receipt of each.

  node dist/examples/producer.js [chat id]

Creates a new chat if no id is given. A chat id is a UUID in lower-case canonical form.

  AMQP_URL         the broker; default: amqp://127.0.0.1
  CHAT_NAMESPACE   as set for the workers; default: chat
`;

function print(receipt: Receipt): void {
  process.stdout.write(`${receipt.type} ${receipt.status} ${JSON.stringify(receipt)}\n`);
}

async function sendCommands(producer: CommandProducer, existing: string | undefined): Promise<void> {
  const actorId = 'alice';
  const chatId = existing ?? randomUUID();
  print(await producer.send('user.upsert', { actorId, data: { displayName: 'Alice' } }));
  if (existing === undefined) {
    const data = { kind: 'group' as const, title: 'First steps', memberIds: ['bob'] };
    print(await producer.send('chat.create', { actorId, chatId, data }));
  }
  // The command id is the idempotency key. The second command has no second effect and gets the same receipt, marked as
  // replayed.
  const commandId = randomUUID();
  const hello = { actorId, chatId, data: { body: 'Hello, Bob.' } };
  print(await producer.send('message.send', hello, { commandId }));
  print(await producer.send('message.send', hello, { commandId }));
}

await runExample('producer', async () => {
  const [chatId] = readPositionals(USAGE, 1);
  if (chatId !== undefined && !UUID_PATTERN.test(chatId))
    throw new Error(`the chat id must be a UUID in lower-case canonical form, and ${chatId} is not`);
  const producer = await CommandProducer.connect({
    url: brokerUrl(),
    namespace: process.env.CHAT_NAMESPACE ?? 'chat',
    appId: 'producer-example',
    receiptTimeoutMs: 10_000,
  });
  try {
    await sendCommands(producer, chatId);
  } finally {
    await producer.close();
  }
});
