/** `parley gateway` with a bug (PLANT). The story must notice each of them. */
import { NOTHING_SYNCED, type SyncProgress } from '../../../src/application/queries/sync-chats.js';
import { Connection } from '../../../src/application/realtime/connection.js';
import { Gateway, type GatewayDeps } from '../../../src/application/realtime/gateway.js';
import { LogTracker } from '../../../src/application/realtime/log-tracker.js';
import { MembershipTable } from '../../../src/application/realtime/membership-table.js';
import { runRoles } from '../../../src/main/roles/run-roles.js';
import type { Plant } from './plants.js';

const plants: { [P in Plant]: () => void } = {
  'skipped-gap': () => {
    const { received } = LogTracker.prototype;
    LogTracker.prototype.received = function (partition, position, item) {
      if (position > this.through(partition) + 1) this.filled(partition, [], position - 1);
      return received.call(this, partition, position, item);
    };
  },
  'lost-tail': () => {
    const { answered } = LogTracker.prototype;
    LogTracker.prototype.answered = function (question, cut) {
      const answer = answered.call(this, question, cut);
      return answer.outcome === 'current' ? { ...answer, gaps: [] } : answer;
    };
  },
  'join-without-walk': () => {
    const { apply } = MembershipTable.prototype;
    MembershipTable.prototype.apply = function (event) {
      return { ...apply.call(this, event), joined: [] };
    };
  },
  'open-history': () => {
    const { membersOf } = MembershipTable.prototype;
    MembershipTable.prototype.membersOf = function* (chatId) {
      for (const member of membersOf.call(this, chatId)) yield { ...member, firstVisible: 1 };
    };
  },
  'mark-past-changed': () => {
    Connection.prototype.miss = () => undefined;
  },
  'removed-not-forgotten': () => {
    const { apply } = MembershipTable.prototype;
    MembershipTable.prototype.apply = function (event) {
      return event.type === 'member.removed' ? { joined: [], left: null, reopened: [] } : apply.call(this, event);
    };
  },
  'forgotten-resume': () => {
    const { connect } = Gateway.prototype;
    Gateway.prototype.connect = function (connection, { invalidToken }) {
      connect.call(this, connection, { invalidToken, fromNow: connection.progress !== NOTHING_SYNCED });
    };
  },
  'fresh-view': () => {
    const { resync } = Gateway.prototype;
    Gateway.prototype.resync = function (connection, reason) {
      if (reason !== 'view') {
        resync.call(this, connection, reason);
        return;
      }
      const { pages } = (this as unknown as { deps: GatewayDeps }).deps;
      void pages.fromNow(connection.caller).then(({ shown }) => {
        const internals = connection as unknown as { base: SyncProgress };
        internals.base = { ...internals.base, shown };
        resync.call(this, connection, reason);
      });
    };
  },
};

const plant = process.env.PLANT as Plant;
plants[plant]();
await runRoles(['gateway']);
