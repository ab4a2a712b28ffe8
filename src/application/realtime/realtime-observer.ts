import type { CloseName, ResyncReason } from '../../contract/realtime/protocol.js';

/** What a gateway counts. */
export interface RealtimeObserver {
  pushed(): void;
  resynced(reason: ResyncReason): void;
  becameSlow(): void;
  closed(reason: CloseName | 'client'): void;
  /** Events that the live feed did not bring in time and that were read from the log. */
  filled(events: number): void;
}

export const NO_REALTIME_OBSERVER: RealtimeObserver = {
  pushed: () => undefined,
  resynced: () => undefined,
  becameSlow: () => undefined,
  closed: () => undefined,
  filled: () => undefined,
};
