import { isRefusal } from './session.js';
import { attribute } from './stanzas.js';

interface Expected {
  receiver: number;
  /** Milliseconds, by the monotonic clock. */
  sentAt: number;
}

/** The sent messages, and their deliveries to the receivers. */
export class DeliveryLedger {
  sent = 0;
  /** Messages delivered, without repeats. */
  delivered = 0;
  doubled = 0;
  refused = 0;
  /** Milliseconds from sending to delivery. */
  readonly latencies: number[] = [];
  private readonly awaited = new Map<string, Expected>();
  private readonly done = new Set<string>();

  get inFlight(): number {
    return this.awaited.size;
  }

  sending(id: string, receiver: number): void {
    this.sent += 1;
    this.awaited.set(id, { receiver, sentAt: performance.now() });
  }

  /**
   * Records a stanza that a client received. A room also sends each message back to its sender, which is not a
   * delivery.
   */
  take(client: number, stanza: string): void {
    if (!stanza.startsWith('<message')) return;
    const id = attribute(stanza, 'id');
    if (id === undefined) return; // the subject of a room
    const expected = this.awaited.get(id);
    if (isRefusal(stanza)) {
      this.refused += 1;
      this.awaited.delete(id);
    } else if (expected?.receiver === client) {
      this.awaited.delete(id);
      this.done.add(`${client} ${id}`);
      this.delivered += 1;
      this.latencies.push(performance.now() - expected.sentAt);
    } else if (this.done.has(`${client} ${id}`)) this.doubled += 1;
  }
}
