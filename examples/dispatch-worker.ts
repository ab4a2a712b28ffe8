/**
 * A dispatch worker: takes the events of all chats and hands each to whoever delivers it (here: prints a line). It drops repeats and proves
 * that it missed nothing, by the last sequence it has seen of each chat.
 *
 *     AMQP_URL=amqp://… node dist/examples/dispatch-worker.js [queue]
 *
 * That proof holds only for the one active consumer of a queue that gets all of a chat's events. `chat.dispatch` admits several, so this waits
 * until nobody else consumes from it; a queue of one's own is better declared with `x-single-active-consumer`. The sequences are
 * remembered in memory here; a real dispatch worker stores them along with what it did.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import type { CloudEvent } from '../src/contract/events.js';

const PREFETCH = 256;
const RETRY_INTERVAL_MS = 1_000;
const url = process.env.AMQP_URL ?? 'amqp://127.0.0.1';
const queue = process.argv[2] ?? `${process.env.CHAT_NAMESPACE ?? 'chat'}.dispatch`;

const lastSequence = new Map<string, number>();
const counters = { dispatched: 0, repeats: 0, gaps: 0 };
let isStopping = false;
let connection: ChannelModel | null = null;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Where delivering would stand. Texts are not printed: what a chat says is not for logs. */
function dispatch(event: CloudEvent): void {
  counters.dispatched += 1;
  const recipients =
    'recipientCount' in event.data ? `${event.data.recipientCount} recipients` : 'nobody in particular';
  say(`${event.type} ${event.id} by ${event.data.actorId} for ${recipients}`);
}

function take(event: CloudEvent): void {
  // A profile or a refusal: it has no sequence. Profiles have a revision instead, of which the highest counts.
  if (event.sequence === undefined) {
    dispatch(event);
    return;
  }
  // A store that was set back to a backup numbers anew, under another source.
  const chat = `${event.source} ${event.partitionkey}`;
  const sequence = Number(event.sequence);
  const last = lastSequence.get(chat);
  if (last !== undefined && sequence <= last) {
    counters.repeats += 1; // published more than once, or delivered again: it was dealt with
    return;
  }
  if (last !== undefined && sequence > last + 1) {
    // Never seen as long as this is the only active consumer. What is missing can be read over REST: GET /v1/chats/{chatId}/events?after=
    counters.gaps += 1;
    say(`GAP in chat ${event.partitionkey}: ${sequence} follows ${last}`);
  }
  dispatch(event);
  lastSequence.set(chat, sequence);
}

/** Consumes until the connection goes or this is told to stop. */
async function consume(model: ChannelModel): Promise<void> {
  const channel = await model.createChannel();
  const gone = new Promise<void>((resolve) => channel.once('close', resolve));
  channel.on('error', (error) => say(`channel closed: ${error.message}`));
  await channel.prefetch(PREFETCH);
  for (let told = false; !isStopping; told = true) {
    const { consumerCount } = await channel.checkQueue(queue);
    if (consumerCount === 0) break;
    if (!told) say(`somebody else consumes from ${queue}: waiting`);
    await sleep(RETRY_INTERVAL_MS);
  }
  if (isStopping) return;
  await channel.consume(queue, (message: ConsumeMessage | null) => {
    if (message === null) return void channel.close(); // the queue was deleted or has moved: begin anew
    take(JSON.parse(message.content.toString('utf8')) as CloudEvent);
    channel.ack(message); // only now: what was not dealt with comes again
  });
  say(`consuming from ${queue}`);
  await gone;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    isStopping = true;
    void connection?.close().catch(() => undefined); // gone already
  });

while (!isStopping) {
  try {
    connection = await connect(url, { clientProperties: { connection_name: 'dispatch-worker' } });
    connection.on('error', () => undefined); // `close` follows, and with it the channel's
    await consume(connection);
  } catch (error) {
    say(`no broker: ${(error as Error).message}`);
  }
  await connection?.close().catch(() => undefined); // gone already
  if (!isStopping) await sleep(RETRY_INTERVAL_MS);
}
say(`dispatched ${counters.dispatched}, repeats dropped ${counters.repeats}, gaps ${counters.gaps}`);
