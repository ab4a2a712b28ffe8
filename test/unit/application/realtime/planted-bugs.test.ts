/** The rules of a gateway, each with a bug that breaks it. A bug that no check notices fails here. */
import { expect } from 'chai';
import type { UserMembership } from '../../../../src/application/ports/queries/realtime-reads.js';
import type { Cut } from '../../../../src/application/ports/queries/sync-log.js';
import { Connection } from '../../../../src/application/realtime/connection.js';
import { type CutQuestion, LogTracker } from '../../../../src/application/realtime/log-tracker.js';
import { MembershipTable } from '../../../../src/application/realtime/membership-table.js';
import { added, BOB, CHAT, connectionOf, live, membership, message, removed } from './realtime-fixtures.js';

const cutAt = (position: number, imports = 0): Cut => ({ positions: [position], imports });

class SkippingTracker extends LogTracker<number> {
  override received(partition: number, position: number, item: number): number[] {
    const before = this.through(partition);
    return position <= before ? [] : [item, ...this.filled(partition, [], position)];
  }
}
class TrustingTracker extends LogTracker<number> {
  override answered(question: CutQuestion, cut: Cut) {
    const answer = super.answered(question, cut);
    return answer.outcome === 'current' ? { ...answer, gaps: [] } : answer;
  }
}
class UnversionedTable extends MembershipTable {
  override end(load: ReturnType<MembershipTable['begin']>, rows: readonly UserMembership[]): string[] {
    load.touched.clear();
    return super.end(
      load,
      rows.map((row) => ({ ...row, lastSequence: 0 })),
    );
  }
}
class OpenTable extends MembershipTable {
  override *membersOf(chatId: string) {
    for (const member of super.membersOf(chatId)) yield { ...member, firstVisible: 1 };
  }
}
class JoinlessConnection extends Connection {
  override needWalk(): boolean {
    return false;
  }
}
class ForgetfulConnection extends Connection {
  override miss(): void {}
}
class FreshConnection extends Connection {
  override canMark(cutNumber: number): boolean {
    return super.canMark(cutNumber, this.imports ?? 0);
  }
}

interface Rule {
  rule: string;
  bug: string;
  /** Whether the rule holds. */
  holds(isPlanted: boolean): boolean;
}

function tracking(tracker: LogTracker<number>) {
  tracker.restart(cutAt(7));
  return tracker;
}

const rules: Rule[] = [
  {
    rule: 'an event is passed on only after the one before it',
    bug: 'G advanced over a gap',
    holds: (isPlanted) => {
      const tracker = tracking(isPlanted ? new SkippingTracker() : new LogTracker());
      const passed = [tracker.received(0, 9, 9), tracker.received(0, 8, 8)].flat();
      return passed.join() === '8,9';
    },
  },
  {
    rule: 'the last event before a quiet time is found',
    bug: "a quiet partition's last event lost",
    holds: (isPlanted) => {
      const tracker = tracking(isPlanted ? new TrustingTracker() : new LogTracker());
      tracker.answered(tracker.ask(), cutAt(8));
      const later = tracker.answered(tracker.ask(), cutAt(8));
      return later.outcome === 'current' && later.gaps.length === 1;
    },
  },
  {
    rule: 'membership events from before the loading change nothing',
    bug: 'memberships unversioned',
    holds: (isPlanted) => {
      const table = new (isPlanted ? UnversionedTable : MembershipTable)(() => 0);
      // Bob was removed at 10 and has joined again at 11. The gateway is still at 9.
      table.end(table.begin(BOB, null), [membership(11, 11)]);
      table.apply(removed(10, 'bob'));
      return table.isMember(BOB, CHAT);
    },
  },
  {
    rule: 'a newcomer gets nothing from before the joining',
    bug: 'an event of before the joining pushed to a newcomer',
    holds: (isPlanted) => {
      const table = new (isPlanted ? OpenTable : MembershipTable)(() => 0);
      table.end(table.begin(BOB, null), [membership(11, 11)]);
      const { sequence } = live(message(10), 1);
      return [...table.membersOf(CHAT)].every(({ firstVisible }) => (sequence ?? 0) < firstVisible);
    },
  },
  {
    rule: 'there is no mark between a join and the walk after it',
    bug: 'a mark minted after a join',
    holds: (isPlanted) => {
      const { connection, goLive } = connectionOf(
        isPlanted ? { make: (options) => new JoinlessConnection(options) } : {},
      );
      goLive();
      connection.offer(live(message(2), 1), 'content', true);
      connection.needWalk('chat', null);
      return !connection.canMark(1, 0);
    },
  },
  {
    rule: 'there is no mark after content that was only announced',
    bug: 'a mark past a `changed`',
    holds: (isPlanted) => {
      const { connection, goLive } = connectionOf(
        isPlanted ? { make: (options) => new ForgetfulConnection(options) } : {},
      );
      goLive();
      connection.offer(live(message(2), 1), 'content', true);
      connection.miss(CHAT, live(message(3), 3), true);
      connection.tick();
      return !connection.canMark(1, 0);
    },
  },
  {
    rule: 'a mark has the import counter of its walk',
    bug: 'a mark with fresh import counter',
    holds: (isPlanted) => {
      const { connection, goLive } = connectionOf(isPlanted ? { make: (options) => new FreshConnection(options) } : {});
      goLive();
      connection.offer(live(message(2), 1), 'content', true);
      return !connection.canMark(1, 1);
    },
  },
  {
    rule: 'what happens after the cut of a walk reaches its connection',
    bug: 'the cut read before the connection is registered',
    holds: (isPlanted) => {
      const made = connectionOf();
      const happens = () => made.connection.offer(live(message(2), 6), 'content', true);
      // Registered, then the cut at 5, then the event at 6. Planted: the event finds no connection.
      if (!isPlanted) happens();
      made.goLive(5);
      return made.sequences().join() === '2';
    },
  },
];

describe('The rules of a gateway', () => {
  for (const { rule, bug, holds } of rules) {
    it(rule, () => expect(holds(false)).to.equal(true));
    it(`notices the planted bug: ${bug}`, () => expect(holds(true)).to.equal(false));
  }

  it('loads a membership again if the user joins or leaves during the load', () => {
    const table = new MembershipTable(() => 0);
    const load = table.begin(BOB, null);
    table.apply(removed(12, 'bob'));
    expect(table.end(load, [membership(11, 1)])).to.deep.equal([CHAT]);
    expect(table.isMember(BOB, CHAT)).to.equal(false);
    const again = table.begin(BOB, CHAT);
    expect(table.apply(added(13, 'bob')).joined).to.deep.equal(['bob']);
    expect(table.end(again, [membership(13, 13)])).to.deep.equal([]);
    expect(table.isMember(BOB, CHAT)).to.equal(true);
  });

  it('notices a restored store by a position below what was processed before the question', () => {
    const tracker = tracking(new LogTracker<number>());
    const question = tracker.ask();
    tracker.received(0, 8, 8);
    expect(tracker.answered(question, cutAt(7)).outcome).to.equal('current');
    expect(tracker.answered(tracker.ask(), cutAt(7)).outcome).to.equal('restored');
  });
});
