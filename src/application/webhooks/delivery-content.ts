/** What is sent for an event: the CloudEvent with its present text, and for `offlineOnly` who is not connected. */
import { isOfChat } from '../../contract/messages/chatless-events.js';
import type { CloudEvent } from '../../contract/messages/events.js';
import { renderEvent } from '../outbox/render-event.js';
import type { LoggedEvent } from '../ports/store/log/event-log.js';
import type { FollowedLog } from '../ports/store/log/followed-log.js';
import type { ConnectedUsers } from '../ports/store/webhooks.js';
import { AudienceThen, type AudienceThenDeps } from '../relay/audience-then.js';

export interface DeliveryContentDeps {
  log: Pick<FollowedLog, 'readAt'>;
  audience: AudienceThenDeps;
  connected: Pick<ConnectedUsers, 'offlineAmong'>;
  render: { storeId: string; recipientsMax: number };
}

/** Of one partition. */
export class DeliveryContent {
  private readonly audiences: AudienceThen;
  /** The calls of `AudienceThen` must not overlap. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly partition: number,
    private readonly deps: DeliveryContentDeps,
  ) {
    this.audiences = new AudienceThen(deps.audience);
  }

  /** By position, in that order. Events that were deleted from the log are missing. */
  async read(positions: readonly number[]): Promise<Map<number, CloudEvent>> {
    const { log, render } = this.deps;
    const entries = await log.readAt(this.partition, positions);
    const seenBy = await this.audiencesOf(entries);
    return new Map(entries.map((entry, index) => [entry.position, renderEvent(entry, seenBy[index] ?? null, render)]));
  }

  /**
   * The body for a webhook with `offlineOnly`. Null if all recipients are connected, or if there are none. Without a
   * list of recipients, it is for the receiver to page the members.
   */
  async forOffline(event: CloudEvent): Promise<object | null> {
    if (!isOfChat(event)) return null;
    const { tenantId, chatId, recipients } = event.data;
    if (recipients === null) return { ...event, data: { ...event.data, offlineRecipients: null } };
    if (recipients.length === 0) return null;
    const offlineRecipients = await this.deps.connected.offlineAmong(tenantId, chatId, recipients);
    return offlineRecipients.length === 0 ? null : { ...event, data: { ...event.data, offlineRecipients } };
  }

  private audiencesOf(entries: readonly LoggedEvent[]): ReturnType<AudienceThen['of']> {
    const asked = this.last.catch(() => undefined).then(() => this.audiences.of(entries));
    this.last = asked;
    return asked;
  }
}
