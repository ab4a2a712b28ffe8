import type { Quota } from '../../application/policy/policy-document.js';
import type { CountedCommand, OverQuota, Quotas } from '../../application/ports/quotas.js';
import { type CommandType, commandTypes } from '../../contract/commands.js';
import { WindowCounts } from './window-counts.js';

/** Windows counted at a time for each quota: some 40 MB where all of them are in use. docs/quotas.md has the figures. */
export const QUOTA_KEYS_MAX = 100_000;

interface Counter {
  quota: Quota;
  counts: WindowCounts;
  types: ReadonlySet<CommandType>;
}

/** The policy's quotas, counted in this process's memory: each worker process counts for itself, and from zero when it starts. */
export class MemoryQuotas implements Quotas {
  private counters: readonly Counter[] = [];
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    quotas: readonly Quota[],
    private readonly keysMax = QUOTA_KEYS_MAX,
  ) {
    this.replace(quotas);
  }

  /** Goes by these from the next command on. A quota of the same id, key, limit and window keeps its counts. */
  replace(quotas: readonly Quota[]): void {
    const before = this.counters;
    this.counters = quotas.map((quota) => ({
      quota,
      counts:
        before.find((counter) => isCountedAlike(counter.quota, quota))?.counts ??
        new WindowCounts(quota.limit, quota.windowMs, this.keysMax),
      types: new Set(quota.actions),
    }));
  }

  async takeAll(commands: readonly CountedCommand[]): Promise<(OverQuota | null)[]> {
    if (this.counters.length === 0) return commands.map(() => null);
    const taken = this.turn.then(() => this.takeInOrder(commands));
    // Whoever waits for it is told of a failure; the next in line is not concerned.
    this.turn = taken.catch(() => undefined);
    return taken;
  }

  private async takeInOrder(commands: readonly CountedCommand[]): Promise<(OverQuota | null)[]> {
    const results: (OverQuota | null)[] = [];
    for (const command of commands) results.push(await this.take(command));
    return results;
  }

  /** Looks at all before it takes from any: whoever is refused by one uses up none. */
  private async take({ type, keys }: CountedCommand): Promise<OverQuota | null> {
    const concerned: { quota: Quota; counts: WindowCounts; key: string }[] = [];
    for (const { quota, counts, types } of this.counters) {
      const key = keys[quota.per];
      if (key !== null && concerns(types, type)) concerned.push({ quota, counts, key });
    }
    let over: OverQuota | null = null;
    let longestMs = 0;
    for (const { quota, counts, key } of concerned) {
      const waitMs = await counts.waitMs(key);
      if (waitMs <= longestMs) continue;
      longestMs = waitMs;
      over = { quota, retryAfterSeconds: Math.ceil(waitMs / 1000) };
    }
    if (over !== null) return over;
    for (const { counts, key } of concerned) await counts.take(key);
    return null;
  }
}

function isCountedAlike(one: Quota, other: Quota): boolean {
  return one.id === other.id && one.per === other.per && one.limit === other.limit && one.windowMs === other.windowMs;
}

function concerns(types: ReadonlySet<CommandType>, type: CommandType | null): boolean {
  return type === null ? types.size === commandTypes.length : types.has(type);
}
