/**
 * A producer: sends commands and prints the receipt of each.
 *
 *     AMQP_URL=amqp://… node dist/examples/producer.js [chat id]
 *
 * A new chat unless an id is given.
 */
import { randomUUID } from 'node:crypto';
import { CommandProducer } from 'parley/client';
import type { Receipt } from 'parley/contract';

const chatId = process.argv[2] ?? randomUUID();

const producer = await CommandProducer.connect({
  url: process.env.AMQP_URL ?? 'amqp://127.0.0.1',
  namespace: process.env.CHAT_NAMESPACE ?? 'chat',
  appId: 'producer-example',
  receiptTimeoutMs: 10_000,
}).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});

function print(receipt: Receipt): void {
  process.stdout.write(`${receipt.type} ${receipt.status} ${JSON.stringify(receipt)}\n`);
}

const actorId = 'alice';
print(await producer.send('user.upsert', { actorId, data: { displayName: 'Alice' } }));
if (process.argv[2] === undefined)
  print(
    await producer.send('chat.create', {
      actorId,
      chatId,
      data: { kind: 'group', title: 'First steps', memberIds: ['bob'] },
    }),
  );
// The command id is the idempotency key: sent again with the same id it has no second effect, and gets the same receipt, marked as replayed.
const commandId = randomUUID();
const hello = { actorId, chatId, data: { body: 'Hello, Bob.' } };
print(await producer.send('message.send', hello, { commandId }));
print(await producer.send('message.send', hello, { commandId }));
await producer.close();
