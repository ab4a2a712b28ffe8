import type {
  EphemeralFeed,
  EphemeralHandler,
  EphemeralMessage,
} from '../../../application/ports/transport/ephemeral-feed.js';

/** The gateways of one process. */
export class InProcessEphemeralFeed implements EphemeralFeed {
  readonly #handlers = new Set<EphemeralHandler>();

  publish(message: EphemeralMessage): void {
    // Never within the publisher's turn.
    setImmediate(() => {
      for (const handler of this.#handlers) handler(message);
    });
  }

  async subscribe(onMessage: EphemeralHandler) {
    this.#handlers.add(onMessage);
    return {
      close: async () => {
        this.#handlers.delete(onMessage);
      },
    };
  }
}
