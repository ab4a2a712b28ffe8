import type { Delivery } from '../ports/transport.js';

/** A batch is at most this many commands … */
export const BATCH_MAX_COMMANDS = 256;
/** … and at most this many bytes of bodies, so that reading it does not hold the event loop. */
export const BATCH_MAX_BYTES = 4 * 1024 * 1024;
/**
 * From this delivery count on a command is tried alone: once may be a neighbour's crash, twice is suspicious.
 */
export const SUSPECT_DELIVERY_COUNT = 2;

/** What a partition has been handed and not taken up yet, in order. */
export class DeliveryBuffer {
  private deliveries: Delivery[] = [];

  get isEmpty(): boolean {
    return this.deliveries.length === 0;
  }

  push(delivery: Delivery): void {
    this.deliveries.push(delivery);
  }

  clear(): void {
    this.deliveries = [];
  }

  /** The next micro-batch: a ring marker or a suspect alone, else as many commands as are there, within the bounds. */
  take(): Delivery[] {
    const isSingle = (delivery: Delivery) =>
      delivery.ringMarker !== null || delivery.deliveryCount >= SUSPECT_DELIVERY_COUNT;
    let count = 0;
    let bytes = 0;
    for (const delivery of this.deliveries) {
      bytes += delivery.incoming.body.byteLength;
      if (count > 0 && (count >= BATCH_MAX_COMMANDS || bytes > BATCH_MAX_BYTES || isSingle(delivery))) break;
      count += 1;
      if (isSingle(delivery)) break;
    }
    return this.deliveries.splice(0, count);
  }
}
