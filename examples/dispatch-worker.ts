/**
 * A dispatch consumer: consumes the events of all chats and delivers each (here: prints a line). It remembers the last
 * sequence of each chat, so it drops repeats and detects gaps.
 *
 *     AMQP_URL=amqp://… node dist/examples/dispatch-worker.js [queue]
 *
 * Gap detection needs the only active consumer of a queue that gets all events of a chat. `chat.dispatch` admits
 * several consumers, so this program waits until it has no other one. Declare your own queue with
 * `x-single-active-consumer` instead. The sequences are in memory here; a real consumer stores them together with its
 * deliveries (`sequences`).
 */
import { DispatchConsumer } from '@parley-chat/client';
import type { CloudEvent } from '@parley-chat/client/contract';
import { brokerUrl, describeError, readPositionals, runExample } from './example-program.js';

const USAGE = `Consumes events from a dispatch queue and prints a line for each.

  node dist/examples/dispatch-worker.js [queue]

Default queue: chat.dispatch

  AMQP_URL         the broker; default: amqp://127.0.0.1
  CHAT_NAMESPACE   as set for the workers; default: chat
`;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The place for your delivery code. It prints no texts: message texts do not belong in logs. */
function dispatch(event: CloudEvent): void {
  const recipients =
    'recipientCount' in event.data ? `${event.data.recipientCount} recipients` : 'no listed recipients';
  print(`${event.type} ${event.id} by ${event.data.actorId} for ${recipients}`);
}

/** Rejects if the broker or the queue is missing at the start. Reconnects after later losses. */
function work(queue: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let hasStarted = false;
    const states = {
      consuming: () => print(`consuming from ${queue}`),
      waiting: () => print(`another consumer is active on ${queue}: waiting`),
      away: (cause?: Error) => {
        const why = `no broker, or no queue ${queue}: ${describeError(cause)}`;
        if (hasStarted) print(why);
        else void consumer.stop().then(() => reject(new Error(why)));
      },
    };
    const consumer = DispatchConsumer.start({
      url: brokerUrl(),
      queue,
      name: 'dispatch-worker',
      handle: dispatch,
      // Does not happen while this is the only active consumer. Read missing events over REST: GET
      // /v1/chats/{chatId}/events?after=
      onGap: ({ partitionkey, sequence, last }) => print(`GAP in chat ${partitionkey}: ${sequence} follows ${last}`),
      onFailure: (error, { id }, attempt) => print(`${id} failed, attempt ${attempt}: ${describeError(error)}`),
      onSkipped: (_body, why) => print(`skipped: ${why}`),
      onState: (state, cause) => {
        states[state](cause);
        hasStarted ||= state !== 'away';
      },
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, async () => {
        await consumer.stop();
        const { handled, repeats, gaps } = consumer.counters;
        print(`dispatched ${handled}, repeats dropped ${repeats}, gaps ${gaps}`);
        resolve();
      });
  });
}

await runExample('dispatch-worker', async () => {
  const [queue = `${process.env.CHAT_NAMESPACE ?? 'chat'}.dispatch`] = readPositionals(USAGE, 1);
  await work(queue);
});
