/**
 * Messages between gateways that nobody needs later: typing and presence. Neither stored nor repeated, and any may be
 * lost.
 */
export const EPHEMERAL_KINDS = ['typing', 'presence', 'presence-query'] as const;
export type EphemeralKind = (typeof EPHEMERAL_KINDS)[number];

export interface EphemeralMessage {
  kind: EphemeralKind;
  /** JSON, of at most a few KiB. */
  body: unknown;
}

/** Must not throw. */
export type EphemeralHandler = (message: EphemeralMessage) => void;

export interface EphemeralFeed {
  /** Best effort: never throws and never waits. The publisher gets its own messages too. */
  publish(message: EphemeralMessage): void;
  /**
   * Messages of all gateways from now on. `onLost` is called once if the subscription ends without `close`.
   * @throws while there is no connection
   */
  subscribe(onMessage: EphemeralHandler, onLost: (cause: Error) => void): Promise<{ close(): Promise<void> }>;
}
