import type { Delivery } from '../ports/transport/transport.js';

/** Maximum number of commands in a batch. */
export const BATCH_MAX_COMMANDS = 256;
/** Maximum bytes of bodies in a batch, so that reading it does not block the event loop for long. */
export const BATCH_MAX_BYTES = 4 * 1024 * 1024;
/**
 * From this delivery count on, a command may be one that kills workers. One redelivery may come from another command's
 * crash; two are suspicious.
 */
export const SUSPECT_DELIVERY_COUNT = 2;
/**
 * This many suspects are tried together. If the worker dies, each of them is tried alone. A lower limit means more
 * transactions for harmless commands that were redelivered often. A higher limit means that more commands must be tried
 * alone (docs/adr/0012-suspects-are-tried-together.md).
 */
export const SUSPECTS_TOGETHER = 32;

export function isSuspect({ deliveryCount }: Delivery): boolean {
  return deliveryCount >= SUSPECT_DELIVERY_COUNT;
}

/** What a batch costs: its commands, and the bytes of their bodies. */
export interface BatchSize {
  commands: number;
  bytes: number;
}

export function sizeOf(deliveries: readonly Delivery[]): BatchSize {
  return {
    commands: deliveries.length,
    bytes: deliveries.reduce((sum, { incoming }) => sum + incoming.body.byteLength, 0),
  };
}

/** Deliveries of a partition that are not in a batch yet, in order. */
export class DeliveryBuffer {
  private deliveries: Delivery[] = [];
  private bytes = 0;

  get isEmpty(): boolean {
    return this.deliveries.length === 0;
  }

  /** An upper bound of the size of the next batch. */
  get nextSize(): BatchSize {
    return {
      commands: Math.min(this.deliveries.length, BATCH_MAX_COMMANDS),
      bytes: Math.min(this.bytes, BATCH_MAX_BYTES),
    };
  }

  push(delivery: Delivery): void {
    this.deliveries.push(delivery);
    this.bytes += delivery.incoming.body.byteLength;
  }

  /** The next batch: some suspects, or as many other commands as the limits allow. */
  take(): Delivery[] {
    const [first] = this.deliveries;
    if (first === undefined) return [];
    const isSuspicious = isSuspect(first);
    const most = isSuspicious ? SUSPECTS_TOGETHER : BATCH_MAX_COMMANDS;
    let count = 0;
    let bytes = 0;
    for (const delivery of this.deliveries) {
      bytes += delivery.incoming.body.byteLength;
      const isOfAnotherKind = isSuspect(delivery) !== isSuspicious;
      if (count > 0 && (count >= most || bytes > BATCH_MAX_BYTES || isOfAnotherKind)) break;
      count += 1;
    }
    const taken = this.deliveries.splice(0, count);
    this.bytes -= sizeOf(taken).bytes;
    return taken;
  }
}
