import type { RealtimeError } from './realtime-error.js';

/** The state of the connection. `since` of each state is not kept: `onState` is called at each change. */
export type ConnectionState =
  /** Gets a token, opens the WebSocket, waits for `hello`. `failures`: failed attempts in a row. */
  | { readonly kind: 'connecting'; readonly failures: number }
  /** Connected; what was missed is on its way. */
  | { readonly kind: 'syncing'; readonly failures: number; readonly connection: ConnectionInfo }
  /** Everything is there, and events come as they happen. */
  | { readonly kind: 'live'; readonly failures: number; readonly connection: ConnectionInfo }
  /** Not connected. The next attempt begins at `retryAt` (milliseconds since 1970), or with `wake()`. */
  | {
      readonly kind: 'waiting';
      readonly failures: number;
      readonly retryAt: number;
      readonly cause: RealtimeError;
    }
  /** It ended and does not connect again. The cause is `closed` if the program closed it. */
  | { readonly kind: 'ended'; readonly cause: RealtimeError };

export interface ConnectionInfo {
  readonly connectionId: string;
  readonly userId: string;
  readonly tenantId: string;
}

/** What happens to a connection. */
export type ConnectionEvent =
  | { readonly kind: 'attempt' }
  | { readonly kind: 'hello'; readonly connection: ConnectionInfo }
  | { readonly kind: 'walk' }
  | { readonly kind: 'walked' }
  /** It was up for `STABLE_AFTER_MS`. */
  | { readonly kind: 'stable' }
  | { readonly kind: 'lost'; readonly cause: RealtimeError; readonly retryAt: number }
  | { readonly kind: 'end'; readonly cause: RealtimeError };

export const INITIAL_STATE: ConnectionState = { kind: 'connecting', failures: 0 };

/** The only place that decides the next state. An event that means nothing in a state returns that state. */
export function transition(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  if (state.kind === 'ended') return state;
  const { failures } = state;
  switch (event.kind) {
    case 'attempt':
      return state.kind === 'waiting' ? { kind: 'connecting', failures } : state;
    case 'hello':
      return state.kind === 'connecting' ? { kind: 'syncing', failures, connection: event.connection } : state;
    case 'walk':
      return state.kind === 'live' ? { kind: 'syncing', failures, connection: state.connection } : state;
    case 'walked':
      return state.kind === 'syncing' ? { kind: 'live', failures, connection: state.connection } : state;
    case 'stable':
      return state.kind === 'syncing' || state.kind === 'live' ? { ...state, failures: 0 } : state;
    case 'lost':
      if (state.kind === 'waiting') return state;
      return { kind: 'waiting', failures: failures + 1, retryAt: event.retryAt, cause: event.cause };
    case 'end':
      return { kind: 'ended', cause: event.cause };
  }
}
