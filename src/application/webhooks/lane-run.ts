/**
 * Sends the events of one lane in their order, one at a time, until one fails, none is left, or the turn ends. The next
 * event is sent only after the endpoint has taken the one before.
 */
import type { CloudEvent } from '../../contract/messages/events.js';
import type { DueLane, LaneKey, WebhookDeliveries } from '../ports/store/webhooks.js';
import type { WebhookSender } from '../ports/webhook-sender.js';
import type { Time } from '../runtime/time.js';
import { judge } from './attempt.js';
import type { DeliveryContent } from './delivery-content.js';
import type { RetrySchedule } from './retry-schedule.js';
import type { Settler } from './settler.js';
import { signedHeaders } from './signature.js';
import type { WebhookObserver } from './webhook-observer.js';

/** Events of a lane that are read together. */
const READ_AT_ONCE_MAX = 16;
/** A text that was read longer ago is read again before it is sent, since it may be deleted meanwhile. */
const FRESH_MS = 1_000;
/** After this long a lane gives its place to others, and what the webhook says is read again. */
const TURN_MS = 2_000;

export interface LaneRunDeps {
  deliveries: Pick<WebhookDeliveries, 'waiting'>;
  content: DeliveryContent;
  settler: Settler;
  sender: WebhookSender;
  schedule: RetrySchedule;
  observer: WebhookObserver;
  time: Time;
}

/** Resolves when all results are recorded. Rejects with the store's error; then what was not recorded comes again. */
export async function runLane(lane: DueLane, deps: LaneRunDeps, signal: AbortSignal): Promise<void> {
  const { deliveries, content, time } = deps;
  const key: LaneKey = { number: lane.number, partition: lane.partition, lane: lane.lane };
  const beganAt = time.elapsedMs();
  const settled: Promise<boolean>[] = [];
  let after = 0;
  let { attempts, hasSucceededSince } = lane;
  try {
    while (!signal.aborted && time.elapsedMs() - beganAt < TURN_MS) {
      const positions = await deliveries.waiting(key, after, lane.isProbe ? 1 : READ_AT_ONCE_MAX);
      if (positions.length === 0) break;
      const readAt = time.elapsedMs();
      const events = await content.read(positions);
      for (const position of positions) {
        if (signal.aborted || time.elapsedMs() - readAt > FRESH_MS) break;
        after = position;
        const event = events.get(position);
        const body = event === undefined ? null : await bodyOf(event, lane, content);
        if (event === undefined || body === null) {
          settled.push(deps.settler.settle({ outcome: 'delivered', key, position, isAnswered: false }));
          continue;
        }
        const { outcome, settlement } = await attempt(event.id, body);
        // Stopped in the middle: the endpoint may have taken it or not.
        if (signal.aborted && outcome === 'failed') return;
        settled.push(deps.settler.settle({ ...settlement, position }));
        attempts = 0;
        hasSucceededSince = false;
        if (outcome !== 'delivered' && outcome !== 'parked') return;
      }
      if (lane.isProbe) break;
    }
  } finally {
    await Promise.all(settled);
  }

  async function attempt(eventId: string, body: Buffer): Promise<ReturnType<typeof judge>> {
    const headers = {
      'content-type': 'application/cloudevents+json',
      ...signedHeaders(eventId, time.now(), body, lane.secrets),
    };
    const sentAt = time.elapsedMs();
    const answer = await deps.sender.send({ url: lane.url, headers, body }, signal);
    const made = { lane, position: after, attempts, hasSucceededSince };
    const judged = judge(answer, made, deps.schedule, time.random());
    if (!signal.aborted) deps.observer.attempted(judged.outcome, time.elapsedMs() - sentAt);
    return judged;
  }
}

async function bodyOf(event: CloudEvent, lane: DueLane, content: DeliveryContent): Promise<Buffer | null> {
  const sent = lane.offlineOnly ? await content.forOffline(event) : event;
  return sent === null ? null : Buffer.from(JSON.stringify(sent));
}
