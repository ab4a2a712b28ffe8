/**
 * Who is online, over all gateways. Each gateway has a lease on its own users, renewed in messages between gateways;
 * nothing is stored. Times are those of receipt, so clocks need not agree.
 */

import { PRESENCE_USERS_MAX, type PresenceReport } from '../../contract/realtime/gateway-messages.js';
import { REALTIME_LIMITS } from '../../contract/realtime/protocol.js';
import type { PresenceStatus } from '../../contract/realtime/server-frames.js';
import type { RealtimeReads } from '../ports/queries/realtime-reads.js';
import { type UserKey, userKey } from '../ports/store/command-store.js';
import type { EphemeralFeed } from '../ports/transport/ephemeral-feed.js';
import type { Time } from '../runtime/time.js';
import type { Connection } from './connection.js';
import type { LiveEvent } from './live-event.js';

/** How often a gateway renews the leases of its users, all in few messages. */
export const PRESENCE_RENEWAL_MS = 15_000;
/** A lease that is not renewed for this long has ended. */
export const PRESENCE_LEASE_MS = 45_000;
/** A user without a connection is still online for this time, so that a reconnect is not seen. */
export const PRESENCE_GRACE_MS = 30_000;
/** Number of users whose last time online is remembered. */
const LAST_SEEN_MAX = 50_000;

type LocalStatus = 'online' | 'away';

interface LocalUser extends UserKey {
  connections: number;
  activeAt: number;
  /** When the last connection ended. */
  goneAt: number;
  status: LocalStatus;
}

export interface PresenceDeps {
  gatewayId: string;
  feed: Pick<EphemeralFeed, 'publish'>;
  reads: Pick<RealtimeReads, 'acquaintances'>;
  time: Pick<Time, 'elapsedMs' | 'now'>;
  /** Users who share a larger chat do not see each other's presence by it. */
  membersMax: number;
  isOn: boolean;
}

export class Presence {
  private readonly local = new Map<string, LocalUser>();
  /** By `userKey`, then by gateway. */
  private readonly leases = new Map<string, Map<string, { status: LocalStatus; until: number }>>();
  private readonly lastSeen = new Map<string, Date>();
  private readonly watchers = new Map<string, Set<Connection>>();
  /** One for each `watch` that reads the store: the users who have begun to hide meanwhile. */
  private readonly hiddenMeanwhile = new Set<Set<string>>();
  private renewedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly deps: PresenceDeps) {}

  connected(user: UserKey): void {
    if (!this.deps.isOn) return;
    const key = userKey(user);
    const now = this.deps.time.elapsedMs();
    const known = this.local.get(key);
    if (known !== undefined) known.connections += 1;
    else {
      const { tenantId, userId } = user;
      this.local.set(key, { tenantId, userId, connections: 1, activeAt: now, goneAt: 0, status: 'online' });
      this.report([{ tenantId, userId, status: 'online' }]);
    }
    this.active(user);
  }

  disconnected(user: UserKey): void {
    const known = this.local.get(userKey(user));
    if (known === undefined) return;
    known.connections -= 1;
    known.goneAt = this.deps.time.elapsedMs();
  }

  active(user: UserKey): void {
    const known = this.local.get(userKey(user));
    if (known === undefined) return;
    known.activeAt = this.deps.time.elapsedMs();
    if (known.status === 'online') return;
    known.status = 'online';
    this.report([{ tenantId: known.tenantId, userId: known.userId, status: 'online' }]);
  }

  /** Replaces whom the connection watches, by those who share a chat with its user. Rejects with the store's error. */
  async watch(connection: Connection, userIds: readonly string[]): Promise<void> {
    const { reads, membersMax, isOn } = this.deps;
    const { tenantId, userId } = connection.caller;
    const wanted = [...new Set(userIds)].filter((id) => id !== userId);
    if (!isOn) return;
    const hidden = new Set<string>();
    this.hiddenMeanwhile.add(hidden);
    const found = await reads
      .acquaintances({ tenantId, userId }, wanted, membersMax)
      .finally(() => this.hiddenMeanwhile.delete(hidden));
    if (connection.isClosed) return;
    this.unwatch(connection);
    const allowed = found.filter((id) => !hidden.has(userKey({ tenantId, userId: id })));
    connection.watched = new Set(allowed);
    for (const id of allowed) {
      const key = userKey({ tenantId, userId: id });
      const watching = this.watchers.get(key) ?? new Set();
      this.watchers.set(key, watching.add(connection));
      this.show(connection, id, key);
    }
  }

  unwatch(connection: Connection): void {
    const { tenantId } = connection.caller;
    for (const id of connection.watched) {
      const key = userKey({ tenantId, userId: id });
      const watching = this.watchers.get(key);
      watching?.delete(connection);
      if (watching?.size === 0) this.watchers.delete(key);
    }
    connection.watched = new Set();
  }

  /** When a membership ends, those who watched by it ask again. A user who hides is not shown any more. */
  dispatched({ event }: LiveEvent): void {
    if (event.type === 'user.upserted' && event.data.presence === 'hidden') this.hide(event.data);
    if (event.type === 'member.removed') {
      const { tenantId, userId } = event.data;
      const concerned = new Set(this.watchers.get(userKey({ tenantId, userId })));
      for (const watching of this.watchers.values())
        for (const connection of watching) if (connection.caller.userId === userId) concerned.add(connection);
      for (const connection of concerned) void this.watch(connection, [...connection.watched]).catch(() => undefined);
    }
  }

  /** Those who watch the user see them go offline. If the user shows again, they see it with their next `watch`. */
  private hide({ tenantId, userId }: UserKey): void {
    const key = userKey({ tenantId, userId });
    for (const hidden of this.hiddenMeanwhile) hidden.add(key);
    for (const connection of this.watchers.get(key) ?? []) {
      connection.watched = new Set([...connection.watched].filter((id) => id !== userId));
      connection.hint({ t: 'presence', userId, status: 'offline', lastSeenAt: null });
    }
    this.watchers.delete(key);
    this.lastSeen.delete(key);
  }

  /** A message of the ephemeral feed. */
  received({ gatewayId, users }: PresenceReport): void {
    const until = this.deps.time.elapsedMs() + PRESENCE_LEASE_MS;
    for (const { tenantId, userId, status } of users) {
      const key = userKey({ tenantId, userId });
      const before = this.statusOf(key);
      const leases = this.leases.get(key) ?? new Map();
      if (status === 'gone') leases.delete(gatewayId);
      else this.leases.set(key, leases.set(gatewayId, { status, until }));
      this.settle(key, userId, before);
    }
  }

  /** Another gateway has started. */
  reportAll(): void {
    this.renewedAt = this.deps.time.elapsedMs();
    const all = [...this.local.values()];
    for (let from = 0; from < all.length; from += PRESENCE_USERS_MAX)
      this.report(
        all
          .slice(from, from + PRESENCE_USERS_MAX)
          .map(({ tenantId, userId, status }) => ({ tenantId, userId, status })),
      );
  }

  /** Once a second. */
  tick(): void {
    const now = this.deps.time.elapsedMs();
    const changes: PresenceReport['users'] = [];
    for (const [key, user] of this.local) {
      const { tenantId, userId, connections, goneAt, activeAt } = user;
      if (connections === 0 && now - goneAt >= PRESENCE_GRACE_MS) {
        this.local.delete(key);
        changes.push({ tenantId, userId, status: 'gone' });
      } else if (user.status === 'online' && now - activeAt >= REALTIME_LIMITS.awayAfterMs) {
        user.status = 'away';
        changes.push({ tenantId, userId, status: 'away' });
      }
    }
    for (let from = 0; from < changes.length; from += PRESENCE_USERS_MAX)
      this.report(changes.slice(from, from + PRESENCE_USERS_MAX));
    for (const [key, leases] of this.leases)
      for (const [gatewayId, { until }] of leases) {
        if (until > now) continue;
        const before = this.statusOf(key);
        leases.delete(gatewayId);
        this.settle(key, key.slice(key.indexOf(' ') + 1), before);
      }
    if (now - this.renewedAt >= PRESENCE_RENEWAL_MS) this.reportAll();
  }

  private settle(key: string, userId: string, before: PresenceStatus): void {
    if (this.leases.get(key)?.size === 0) this.leases.delete(key);
    const after = this.statusOf(key);
    if (after === before) return;
    if (after === 'offline') this.remember(key);
    for (const connection of this.watchers.get(key) ?? []) this.show(connection, userId, key);
  }

  private statusOf(key: string): PresenceStatus {
    const leases = this.leases.get(key);
    if (leases === undefined || leases.size === 0) return 'offline';
    return [...leases.values()].some(({ status }) => status === 'online') ? 'online' : 'away';
  }

  private show(connection: Connection, userId: string, key: string): void {
    const status = this.statusOf(key);
    const lastSeenAt = status === 'offline' ? (this.lastSeen.get(key)?.toISOString() ?? null) : null;
    connection.hint({ t: 'presence', userId, status, lastSeenAt });
  }

  private remember(key: string): void {
    this.lastSeen.delete(key);
    this.lastSeen.set(key, this.deps.time.now());
    const [oldest] = this.lastSeen.keys();
    if (this.lastSeen.size > LAST_SEEN_MAX && oldest !== undefined) this.lastSeen.delete(oldest);
  }

  private report(users: PresenceReport['users']): void {
    const { feed, gatewayId } = this.deps;
    feed.publish({ kind: 'presence', body: { gatewayId, users } satisfies PresenceReport });
  }
}
