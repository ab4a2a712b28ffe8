import type { Delivery } from '../ports/transport.js';

/** A batch is at most this many commands … */
export const BATCH_MAX_COMMANDS = 256;
/** … and at most this many bytes of bodies, so that reading it does not hold the event loop. */
export const BATCH_MAX_BYTES = 4 * 1024 * 1024;
/** From this delivery count on a command may be one that kills workers: once may be a neighbour's crash, twice is suspicious. */
export const SUSPECT_DELIVERY_COUNT = 2;
/**
 * So many suspects are tried together. If the worker dies of one, each of them is tried alone: with fewer there are more transactions for those
 * that merely came back often, with more there are more of them to be tried alone (docs/adr/0012-suspects-are-tried-together.md).
 */
export const SUSPECTS_TOGETHER = 32;

export function isSuspect({ deliveryCount }: Delivery): boolean {
  return deliveryCount >= SUSPECT_DELIVERY_COUNT;
}

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

  /** The next micro-batch: a ring marker alone, some suspects, or as many other commands as are there, within the bounds. */
  take(): Delivery[] {
    const [first] = this.deliveries;
    if (first === undefined) return [];
    const isSuspicious = isSuspect(first);
    const most = isSuspicious ? SUSPECTS_TOGETHER : BATCH_MAX_COMMANDS;
    let count = 0;
    let bytes = 0;
    for (const delivery of this.deliveries) {
      bytes += delivery.incoming.body.byteLength;
      const isOfAnotherKind = delivery.ringMarker !== null || isSuspect(delivery) !== isSuspicious;
      if (count > 0 && (count >= most || bytes > BATCH_MAX_BYTES || isOfAnotherKind)) break;
      count += 1;
      if (delivery.ringMarker !== null) break;
    }
    return this.deliveries.splice(0, count);
  }
}
