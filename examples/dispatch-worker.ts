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

const url = process.env.AMQP_URL ?? 'amqp://127.0.0.1';
const queue = process.argv[2] ?? `${process.env.CHAT_NAMESPACE ?? 'chat'}.dispatch`;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Where delivering would stand. Texts are not printed: what a chat says is not for logs. */
function dispatch(event: CloudEvent): void {
  const recipients =
    'recipientCount' in event.data ? `${event.data.recipientCount} recipients` : 'nobody in particular';
  say(`${event.type} ${event.id} by ${event.data.actorId} for ${recipients}`);
}

const states = {
  consuming: () => say(`consuming from ${queue}`),
  waiting: () => say(`somebody else consumes from ${queue}: waiting`),
  away: (cause?: Error) => say(`no broker, or no queue: ${cause?.message}`),
};

const consumer = DispatchConsumer.start({
  url,
  queue,
  name: 'dispatch-worker',
  handle: dispatch,
  // Never seen as long as this is the only active consumer. What is missing can be read over REST: GET /v1/chats/{chatId}/events?after=
  onGap: ({ partitionkey, sequence, last }) => say(`GAP in chat ${partitionkey}: ${sequence} follows ${last}`),
  onFailure: (error, { id }, attempt) => say(`${id} failed for the ${attempt}. time: ${(error as Error).message}`),
  onSkipped: (_body, why) => say(`skipped: ${why}`),
  onState: (state, cause) => states[state](cause),
});

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, async () => {
    await consumer.stop();
    const { handled, repeats, gaps } = consumer.counters;
    say(`dispatched ${handled}, repeats dropped ${repeats}, gaps ${gaps}`);
  });
