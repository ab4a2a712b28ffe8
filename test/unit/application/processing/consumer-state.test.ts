import { expect } from 'chai';
import fc from 'fast-check';
import type { LeaseRecovery } from '../../../../src/application/cluster/lease-recovery.js';
import type { PartitionLease } from '../../../../src/application/cluster/partition-lease.js';
import {
  AWAY,
  type Change,
  type ConsumerState,
  nextState,
  type Session,
} from '../../../../src/application/processing/consumer-state.js';

const named = <T>(name: string) => ({ name }) as unknown as T;
const SINCE = new Date('2026-11-20T20:15:00.000Z');
const LATER = new Date('2026-11-20T20:16:00.000Z');
const SESSION = named<Session>('session');
const [FIRST, SECOND] = [named<PartitionLease>('first lease'), named<PartitionLease>('second lease')];
const RECOVERY = named<LeaseRecovery>('recovery');
const BATCH = { deliveries: [], since: SINCE };

const subscribed: Change = { kind: 'subscribed', session: SESSION };
const lost: Change = { kind: 'subscription lost' };
const taken: Change = { kind: 'batch taken', batch: BATCH };
const acknowledged: Change = { kind: 'batch acknowledged' };
const acquired = (lease: PartitionLease): Change => ({ kind: 'lease acquired', lease });
const doubted = (recovery: LeaseRecovery | null = null): Change => ({ kind: 'lease in doubt', recovery });

const CHANGES: Change[] = [
  ...[subscribed, lost, taken, acknowledged, acquired(FIRST), acquired(SECOND), doubted(), doubted(RECOVERY)],
  ...[{ kind: 'subscribing', at: SINCE } as const, { kind: 'lease ended' } as const, { kind: 'relinquished' } as const],
];

const through = (...changes: readonly Change[]) => changes.reduce<ConsumerState>(nextState, AWAY);

describe("The state of a partition's consumer", () => {
  it('goes from away to leased by a subscription and an acquisition', () => {
    expect(through(subscribed, taken, acquired(FIRST))).to.deep.equal({
      ...{ kind: 'leased', session: SESSION, lease: FIRST, batch: BATCH },
    });
  });

  it('keeps the lease of a lost subscription, which must be acquired again, and forgets its batch', () => {
    const away = through(subscribed, taken, acquired(FIRST), lost);
    expect(away).to.deep.equal({ ...AWAY, lease: FIRST });
    expect(nextState(away, subscribed)).to.deep.include({ kind: 'subscribed', lease: FIRST, batch: null });
  });

  it('keeps the batch whose commit outcome is unknown, and how to acquire the lease for it', () => {
    const before = through(subscribed, taken, acquired(FIRST), doubted(RECOVERY), doubted());
    expect(before).to.deep.include({ kind: 'subscribed', lease: FIRST, recovery: RECOVERY, batch: BATCH });
    expect(nextState(before, acquired(SECOND))).to.deep.include({ kind: 'leased', lease: SECOND, batch: BATCH });
  });

  it('has no batch after its acknowledgement, also if the lease came into doubt meanwhile', () => {
    for (const change of [acquired(FIRST), doubted()])
      expect(through(subscribed, acquired(FIRST), taken, change, acknowledged)).to.have.property('batch', null);
  });

  it('acquires a lease once more that came without a subscription', () => {
    const late = through(subscribed, lost, acquired(FIRST));
    expect(late).to.deep.include({ kind: 'away', lease: FIRST });
    expect(nextState(late, subscribed)).to.have.property('kind', 'subscribed');
  });

  it('measures a missing subscription from the first attempt, and gives each attempt a pause of its own', () => {
    const first = through({ kind: 'subscribing', at: SINCE });
    const second = nextState(first, { kind: 'subscribing', at: LATER });
    const attempts = [first, second].map((state) => (state.kind === 'away' ? state.attempt : null));
    expect(attempts.map((attempt) => attempt?.since)).to.deep.equal([SINCE, SINCE]);
    expect(attempts[0]?.pause).to.not.equal(attempts[1]?.pause);
  });

  it('never processes without an acquisition after the last loss or doubt, whatever happens in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...CHANGES), { maxLength: 30 }), (changes) => {
        const state = through(...changes);
        if (state.kind !== 'leased') return;
        const last = (...kinds: Change['kind'][]) => changes.findLastIndex(({ kind }) => kinds.includes(kind));
        expect(last('lease acquired')).to.be.above(last('subscription lost', 'relinquished', 'lease in doubt'));
        const since = changes.slice(last('subscription lost', 'relinquished') + 1, last('lease acquired'));
        expect(since.map(({ kind }) => kind)).to.include('subscribed');
      }),
    );
  });
});
