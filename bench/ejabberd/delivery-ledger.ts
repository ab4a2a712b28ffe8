import { isRefusal } from './session.js';
import { attribute } from './stanzas.js';

interface Expected {
  receiver: number;
  /** Milliseconds, of the monotonic clock. */
  sentAt: number;
}

/** What was sent, and what of it has come to its receiver. */
export class DeliveryLedger {
  sent = 0;
  /** Each message once. */
  delivered = 0;
  doubled = 0;
  refused = 0;
  /** From sending to the receiver, in milliseconds. */
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

  /** What comes to a client. A room gives everything to its sender too: that is not its delivery. */
  take(client: number, stanza: string): void {
    if (!stanza.startsWith('<message')) return;
    const id = attribute(stanza, 'id');
    if (id === undefined) return; // a room's subject
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
