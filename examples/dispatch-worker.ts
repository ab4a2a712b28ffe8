/**
 * A dispatch worker: takes the events of all chats and hands each to whoever delivers it (here: prints a line). It drops repeats and proves
 * that it missed nothing, by the last sequence it has seen of each chat.
 *
 *     AMQP_URL=amqp://… node dist/examples/dispatch-worker.js [queue]
 *
 * That proof holds only for the one active consumer of a queue that gets all of a chat's events. `chat.dispatch` admits several, so this waits
 * until nobody else consumes from it; a queue of one's own is better declared with `x-single-active-consumer`. The sequences are
 * remembered in memory here; a real dispatch worker stores them along with what it did (`sequences`).
 */
import { DispatchConsumer } from 'parley/client';
import type { CloudEvent } from 'parley/contract';
import { brokerUrl, describeError, readPositionals, runExample } from './example-program.js';

const USAGE = `Takes events from a dispatch queue and prints a line for each.

  node dist/examples/dispatch-worker.js [queue]

The queue is chat.dispatch unless one is named.

  AMQP_URL         the broker; default: amqp://127.0.0.1
  CHAT_NAMESPACE   that of the workers; default: chat
`;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Where delivering would stand. Texts are not printed: what a chat says is not for logs. */
function dispatch(event: CloudEvent): void {
  const recipients =
    'recipientCount' in event.data ? `${event.data.recipientCount} recipients` : 'nobody in particular';
  say(`${event.type} ${event.id} by ${event.data.actorId} for ${recipients}`);
}

/** Rejects if the broker or the queue is not there at first. Later losses are waited out. */
function work(queue: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let hasBegun = false;
    const states = {
      consuming: () => say(`consuming from ${queue}`),
      waiting: () => say(`somebody else consumes from ${queue}: waiting`),
      away: (cause?: Error) => {
        const why = `no broker, or no queue ${queue}: ${describeError(cause)}`;
        if (hasBegun) say(why);
        else void consumer.stop().then(() => reject(new Error(why)));
      },
    };
    const consumer = DispatchConsumer.start({
      url: brokerUrl(),
      queue,
      name: 'dispatch-worker',
      handle: dispatch,
      // Never seen as long as this is the only active consumer. What is missing can be read over REST: GET /v1/chats/{chatId}/events?after=
      onGap: ({ partitionkey, sequence, last }) => say(`GAP in chat ${partitionkey}: ${sequence} follows ${last}`),
      onFailure: (error, { id }, attempt) => say(`${id} failed for the ${attempt}. time: ${describeError(error)}`),
      onSkipped: (_body, why) => say(`skipped: ${why}`),
      onState: (state, cause) => {
        states[state](cause);
        hasBegun ||= state !== 'away';
      },
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, async () => {
        await consumer.stop();
        const { handled, repeats, gaps } = consumer.counters;
        say(`dispatched ${handled}, repeats dropped ${repeats}, gaps ${gaps}`);
        resolve();
      });
  });
}

await runExample('dispatch-worker', async () => {
  const [queue = `${process.env.CHAT_NAMESPACE ?? 'chat'}.dispatch`] = readPositionals(USAGE, 1);
  await work(queue);
});
