import type { EventChannel, EventSink, OutgoingEvent } from '../../../../src/application/ports/transport/transport.js';

/** Accepts and confirms every event. While it is closed, committed events wait. */
export class GatedSink implements EventSink {
  /** Every copy, in order. */
  readonly events: OutgoingEvent[] = [];
  private open: (() => void) | null = null;
  private gate: Promise<void> = Promise.resolve();

  /** After the next event that is published. */
  shut(): void {
    this.gate = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  reopen(): void {
    this.open?.();
    this.open = null;
  }

  async openChannel(): Promise<EventChannel> {
    return {
      publish: (event, settled) => {
        this.events.push(event);
        setImmediate(() => settled('confirmed'));
      },
      writable: () => this.gate,
      close: async () => undefined,
    };
  }
}
