/**
 * The log consumer that finds the events for webhooks. It only notes their places in the log: the delivery engine sends
 * them (ADR 0027).
 */
import type { DeliveredText, Delivery, DeliveryResult, TextConsumer } from '../ports/log-consumer.js';
import type { WebhookDeliveries } from '../ports/store/webhooks.js';

/** Name of the cursors. */
export const WEBHOOK_CONSUMER = 'webhooks';
/** Events in one transaction. */
const TAKEN_AT_ONCE_MAX = 500;

export class WebhookConsumer implements TextConsumer {
  readonly name = WEBHOOK_CONSUMER;
  readonly start = 'now';
  readonly imports = 'exclude';
  readonly content = 'texts';
  readonly movesCursor = true;
  readonly deliveryMax = TAKEN_AT_ONCE_MAX;

  /** `engine.wake` is called when there may be something to send. */
  constructor(
    private readonly deliveries: Pick<WebhookDeliveries, 'take'>,
    private readonly engine: { wake(): void; stop(): Promise<void> },
  ) {}

  async deliver({ partition, epoch, after, through }: Delivery<DeliveredText>): Promise<DeliveryResult> {
    const isMine = await this.deliveries.take({ partition, epoch }, after, through);
    if (isMine) this.engine.wake();
    return { outcome: isMine ? 'taken' : 'fenced' };
  }

  /** Only events of rejected commands are ever missing. A webhook that waited longer than they are kept misses them. */
  async onOvertaken(): Promise<void> {}

  close(): Promise<void> {
    return this.engine.stop();
  }
}
