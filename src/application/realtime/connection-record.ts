/**
 * Tells the store which users have a connection to this gateway, for webhooks with `offlineOnly`. It is written only
 * while such a webhook exists. If a gateway dies, its users count as connected until its lease ends.
 */
import { type UserKey, userKey } from '../ports/store/command-store.js';
import type { ConnectedUsers } from '../ports/store/webhooks.js';
import type { WorkerLog } from '../ports/worker-observer.js';
import type { Time } from '../runtime/time.js';

/** How often changes are written. */
export const RECORD_EVERY_MS = 1_000;
/** How often it asks whether a webhook needs it. */
export const NEED_CHECK_EVERY_MS = 5_000;
export const RECORD_LEASE_MS = 10_000;

export interface ConnectionRecordDeps {
  gatewayId: string;
  store: ConnectedUsers;
  logger: WorkerLog;
  time: Time;
}

export class ConnectionRecord {
  private readonly connections = new Map<string, { user: UserKey; count: number }>();
  /** Users whose state may differ from what is stored. */
  private readonly changed = new Map<string, UserKey>();
  private readonly life = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private isNeeded = false;
  private isStored = false;
  private checkedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly deps: ConnectionRecordDeps) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    const { store, gatewayId, logger } = this.deps;
    this.life.abort();
    await this.running;
    if (this.isStored)
      await store
        .withdraw(gatewayId)
        .catch((error: unknown) => logger.warn('connected users not withdrawn', { error }));
  }

  connected({ tenantId, userId }: UserKey): void {
    const key = userKey({ tenantId, userId });
    const known = this.connections.get(key);
    if (known !== undefined) known.count += 1;
    else {
      this.connections.set(key, { user: { tenantId, userId }, count: 1 });
      this.note(key, { tenantId, userId });
    }
  }

  disconnected({ tenantId, userId }: UserKey): void {
    const key = userKey({ tenantId, userId });
    const known = this.connections.get(key);
    if (known === undefined) return;
    known.count -= 1;
    if (known.count > 0) return;
    this.connections.delete(key);
    this.note(key, { tenantId, userId });
  }

  private note(key: string, user: UserKey): void {
    // Otherwise it grows while nothing is written; the first write has all users.
    if (this.isStored) this.changed.set(key, user);
  }

  private async run(): Promise<void> {
    const { time, logger } = this.deps;
    const { signal } = this.life;
    let hasFailed = false;
    while (!signal.aborted) {
      try {
        await this.step();
        hasFailed = false;
      } catch (error) {
        if (!hasFailed) logger.warn('connected users not recorded', { error });
        hasFailed = true;
        // What was written is unknown: everything is written again.
        this.isStored = false;
        this.changed.clear();
      }
      await time.pause(RECORD_EVERY_MS, signal);
    }
  }

  private async step(): Promise<void> {
    const { store, gatewayId, time } = this.deps;
    const now = time.elapsedMs();
    if (now - this.checkedAtMs >= NEED_CHECK_EVERY_MS) {
      this.isNeeded = await store.isNeeded();
      this.checkedAtMs = now;
    }
    if (!this.isNeeded) {
      if (this.isStored) await store.withdraw(gatewayId);
      this.isStored = false;
      this.changed.clear();
      return;
    }
    const isComplete = !this.isStored;
    // From here on changes are noted.
    this.isStored = true;
    const users = isComplete ? [...this.connections.values()].map(({ user }) => user) : [...this.changed.values()];
    this.changed.clear();
    const isHere = (user: UserKey) => this.connections.has(userKey(user));
    const changes = {
      isComplete,
      connected: users.filter(isHere),
      disconnected: users.filter((user) => !isHere(user)),
    };
    await store.record(gatewayId, changes, RECORD_LEASE_MS);
  }
}
