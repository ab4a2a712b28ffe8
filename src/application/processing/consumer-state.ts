/**
 * What the consumer of a partition has: a subscription, the lease, a batch. Each kind of state has exactly the parts
 * that are valid in it. So there is no batch without a subscription, and only `leased` may process one.
 *
 * ```
 *   away ──subscribed──▶ subscribed ──lease acquired──▶ leased
 *    ▲                    │  ▲                          │  │
 *    │                    │  └─────── lease in doubt ────┘  │
 *    └────────────────────┴─ subscription lost, or ─────────┘
 *                            relinquished
 * ```
 */

import type { LeaseRecovery } from '../cluster/lease-recovery.js';
import type { PartitionLease } from '../cluster/partition-lease.js';
import type { Delivery, Subscription } from '../ports/transport/transport.js';
import type { DeliveryBuffer } from './delivery-buffer.js';

/** A subscription and the deliveries that it brought. */
export interface Session {
  subscription: Subscription;
  buffer: DeliveryBuffer;
  /** Aborted at the end of the session, and when a stop does not wait for the batch any longer. */
  life: AbortController;
}

/** Deliveries that are processed together. They stay the current batch until they are acknowledged. */
export interface Batch {
  deliveries: readonly Delivery[];
  since: Date;
}

/**
 * A lease that must be acquired (again) before the next batch: another worker may have it, or an earlier batch may
 * still be in the database. A lease that this worker had goes on publishing until then.
 */
interface LeaseInDoubt {
  lease: PartitionLease | null;
  /** How to acquire it after an unknown commit outcome. Null: unconditionally. */
  recovery: LeaseRecovery | null;
}

/** No subscription. `attempt` is null before the first attempt to get one. */
export interface Away extends LeaseInDoubt {
  kind: 'away';
  attempt: {
    /** The time of the first attempt. */
    since: Date;
    /** Ends the pause after this attempt, also if the attempt has not failed yet. */
    pause: AbortController;
  } | null;
}

export interface Subscribed extends LeaseInDoubt {
  kind: 'subscribed';
  session: Session;
  batch: Batch | null;
}

/** The partition's only writer. */
export interface Leased {
  kind: 'leased';
  session: Session;
  lease: PartitionLease;
  batch: Batch | null;
}

export type ConsumerState = Away | Subscribed | Leased;

export type Change =
  | { kind: 'subscribing'; at: Date }
  | { kind: 'subscribed'; session: Session }
  | { kind: 'subscription lost' }
  | { kind: 'lease in doubt'; recovery: LeaseRecovery | null }
  /** This worker ends its own lease, to acquire it again. */
  | { kind: 'lease ended' }
  | { kind: 'lease acquired'; lease: PartitionLease }
  | { kind: 'batch taken'; batch: Batch }
  | { kind: 'batch acknowledged' }
  | { kind: 'relinquished' };

export const AWAY: Away = { kind: 'away', lease: null, recovery: null, attempt: null };

/**
 * The state after a change. A change that came too late for the state has no effect: the subscription may be lost while
 * the consumer waits for anything else.
 */
export function nextState(state: ConsumerState, change: Change): ConsumerState {
  switch (change.kind) {
    case 'subscribing':
      if (state.kind !== 'away') return state;
      return { ...state, attempt: { since: state.attempt?.since ?? change.at, pause: new AbortController() } };
    case 'subscribed': {
      if (state.kind !== 'away') return state;
      const { lease, recovery } = state;
      return { kind: 'subscribed', session: change.session, lease, recovery, batch: null };
    }
    case 'subscription lost':
      return state.kind === 'away' ? state : { ...AWAY, lease: state.lease };
    case 'lease in doubt':
      if (state.kind === 'leased') return { ...state, kind: 'subscribed', recovery: change.recovery };
      return { ...state, recovery: change.recovery ?? state.recovery };
    case 'lease ended':
      return state.kind === 'leased' ? state : { ...state, lease: null };
    case 'lease acquired': {
      const { lease } = change;
      // The next subscription acquires it once more.
      if (state.kind === 'away') return { ...state, lease, recovery: null };
      return { kind: 'leased', session: state.session, lease, batch: state.batch };
    }
    case 'batch taken':
      return state.kind === 'away' ? state : { ...state, batch: change.batch };
    case 'batch acknowledged':
      return state.kind === 'away' ? state : { ...state, batch: null };
    case 'relinquished':
      return AWAY;
  }
}
