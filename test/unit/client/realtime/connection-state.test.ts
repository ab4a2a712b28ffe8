import { expect } from 'chai';
import {
  type ConnectionEvent,
  type ConnectionState,
  transition,
} from '../../../../src/client/realtime/connection-state.js';
import { RealtimeError } from '../../../../src/client/realtime/realtime-error.js';

const connection = { connectionId: 'c-1', userId: 'alice', tenantId: 'default' };
const cause = new RealtimeError('silent', 'nothing was heard');
const STATES: Record<ConnectionState['kind'], ConnectionState> = {
  connecting: { kind: 'connecting', failures: 2 },
  syncing: { kind: 'syncing', failures: 2, connection },
  live: { kind: 'live', failures: 2, connection },
  waiting: { kind: 'waiting', failures: 2, retryAt: 5, cause },
  ended: { kind: 'ended', cause },
};
const EVENTS: ConnectionEvent[] = [
  ...([{ kind: 'attempt' }, { kind: 'hello', connection }, { kind: 'walk' }, { kind: 'walked' }] as const),
  ...([{ kind: 'stable' }, { kind: 'lost', cause, retryAt: 9 }, { kind: 'end', cause }] as const),
];
const lost: ConnectionState = { kind: 'waiting', failures: 3, retryAt: 9, cause };
/** What changes something. All other combinations keep the state. */
const CHANGES: Record<ConnectionState['kind'], Partial<Record<ConnectionEvent['kind'], ConnectionState>>> = {
  connecting: { hello: { ...STATES.syncing }, lost, end: STATES.ended },
  syncing: {
    walked: STATES.live,
    stable: { ...STATES.syncing, failures: 0 } as ConnectionState,
    lost,
    end: STATES.ended,
  },
  live: { walk: STATES.syncing, stable: { ...STATES.live, failures: 0 } as ConnectionState, lost, end: STATES.ended },
  waiting: { attempt: STATES.connecting, end: STATES.ended },
  ended: {},
};

describe('The state of a realtime connection', () => {
  for (const [kind, state] of Object.entries(STATES))
    for (const event of EVENTS)
      it(`${kind}: ${event.kind}`, () => {
        const expected = CHANGES[state.kind][event.kind];
        const next = transition(state, event);
        if (expected === undefined) expect(next).to.equal(state);
        else expect(next).to.deep.equal(expected);
      });
});
