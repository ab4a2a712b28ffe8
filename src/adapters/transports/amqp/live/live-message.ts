/**
 * A message of the live feed: consecutive events of one partition, one per line. An event is JSON without line breaks,
 * so its bytes stay as they are. One message for a burst costs the broker much less than one per event.
 */
import type { Message, Options } from 'amqplib';
import type { LiveBatch, LiveEvent } from '../../../../application/ports/transport/live-feed.js';
import { LIVE_CONTENT_TYPE, LIVE_HEADERS } from '../../../../contract/messages/live-messages.js';

/** Maximum size of the events of a message, unless it has only one. Below the broker's maximum message size. */
export const LIVE_MESSAGE_MAX_BYTES = 256 * 1024;

const LINE_BREAK = 0x0a;
const LINE_BREAK_BYTES = Buffer.of(LINE_BREAK);

export interface LiveMessage {
  /** Number of events. */
  count: number;
  body: Buffer;
  properties: Options.Publish;
}

/** A batch as messages, in order. */
export function* liveMessages({ partition, position, bodies }: LiveBatch): Generator<LiveMessage> {
  for (let from = 0; from < bodies.length; ) {
    let through = from;
    let bytes = 0;
    do {
      bytes += (bodies[through]?.length ?? 0) + LINE_BREAK_BYTES.length;
      through += 1;
    } while (through < bodies.length && bytes + (bodies[through]?.length ?? 0) <= LIVE_MESSAGE_MAX_BYTES);
    const lines = bodies.slice(from, through).flatMap((body) => [body, LINE_BREAK_BYTES]);
    yield {
      count: through - from,
      body: Buffer.concat(lines, bytes),
      properties: {
        contentType: LIVE_CONTENT_TYPE,
        headers: { [LIVE_HEADERS.partition]: partition, [LIVE_HEADERS.position]: position + from },
      },
    };
    from = through;
  }
}

/** The events of a message. None if Parley did not publish it: its headers are not those of a copy. */
export function* liveEvents({ properties, content }: Message): Generator<LiveEvent> {
  const partition: unknown = properties.headers?.[LIVE_HEADERS.partition];
  const first: unknown = properties.headers?.[LIVE_HEADERS.position];
  if (!isCount(partition) || !isCount(first)) return;
  let position = first;
  for (let start = 0, end = 0; start < content.length; start = end + 1, position += 1) {
    end = content.indexOf(LINE_BREAK, start);
    if (end === -1) return;
    yield { partition, position, body: content.subarray(start, end) };
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
