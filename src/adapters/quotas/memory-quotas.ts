import type {
  CountedCommand,
  OverQuota,
  Quota,
  QuotaReservation,
  Quotas,
  QuotaVerdict,
} from '../../application/ports/quotas.js';
import { type CommandType, commandTypes } from '../../contract/messages/commands.js';
import { WindowCounts } from './window-counts.js';

/** Maximum number of windows per quota, which limits its memory. docs/quotas.md has the figures. */
export const QUOTA_KEYS_MAX = 100_000;

interface Counter {
  quota: Quota;
  counts: WindowCounts;
  types: ReadonlySet<CommandType>;
}

/** By the quota's id and the key. The key itself contains a space. */
type Reservations = Map<string, QuotaReservation>;

const NO_RESERVATIONS: readonly QuotaReservation[] = [];
const UNCOUNTED: QuotaVerdict = { over: null, reservations: NO_RESERVATIONS };

/** Counts the policy's quotas in this process's memory. Each worker process counts separately and starts at zero. */
export class MemoryQuotas implements Quotas {
  private counters: readonly Counter[] = [];

  constructor(
    quotas: readonly Quota[],
    private readonly keysMax = QUOTA_KEYS_MAX,
  ) {
    this.replace(quotas);
  }

  /** Takes effect with the next command. A quota with the same id, key, limit and window keeps its counts. */
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

  async takeAll(commands: readonly CountedCommand[]): Promise<QuotaVerdict[]> {
    if (this.counters.length === 0) return commands.map(() => UNCOUNTED);
    // In one turn of the event loop, so overlapping calls do not mix.
    const reservations: Reservations = new Map();
    return commands.map((command) => this.take(command, reservations));
  }

  async count(reservations: Iterable<QuotaReservation>): Promise<void> {
    for (const room of reservations) {
      const { quota, key, taken } = room;
      room.taken = 0;
      const counter = this.counters.find((candidate) => isCountedAlike(candidate.quota, quota));
      if (taken > 0) counter?.counts.take(key, taken);
    }
  }

  /** Checks all quotas before it takes from any: a command that one quota rejects uses up none. */
  private take({ type, keys, isMember }: CountedCommand, reservationsSoFar: Reservations): QuotaVerdict {
    const concerned: { counts: WindowCounts; key: string }[] = [];
    const reservations: QuotaReservation[] = [];
    let over: OverQuota | null = null;
    let longestMs = 0;
    for (const counter of this.counters) {
      const { quota, counts, types } = counter;
      const key = keys[quota.per];
      if (key === null || !concerns(types, type)) continue;
      const isOfChat = quota.per === 'chat';
      const room = isOfChat ? reservationOf(counter, key, reservationsSoFar) : counts.room(key);
      if (isOfChat) reservations.push(room as QuotaReservation);
      else concerned.push({ counts, key });
      if (room.left > 0 || room.waitMs <= longestMs || (isOfChat && !isMember)) continue;
      longestMs = room.waitMs;
      over = { quota, retryAfterSeconds: Math.ceil(room.waitMs / 1000) };
    }
    if (over !== null) return { over, reservations: NO_RESERVATIONS };
    for (const { counts, key } of concerned) counts.take(key);
    return reservations.length === 0 ? UNCOUNTED : { over, reservations };
  }
}

/** Looked up once for all commands that are checked together; they share what is left. */
function reservationOf({ quota, counts }: Counter, key: string, reservations: Reservations): QuotaReservation {
  const name = `${quota.id} ${key}`;
  const known = reservations.get(name);
  if (known !== undefined) return known;
  const room: QuotaReservation = { quota, key, ...counts.room(key), taken: 0 };
  reservations.set(name, room);
  return room;
}

function isCountedAlike(one: Quota, other: Quota): boolean {
  return one.id === other.id && one.per === other.per && one.limit === other.limit && one.windowMs === other.windowMs;
}

function concerns(types: ReadonlySet<CommandType>, type: CommandType | null): boolean {
  return type === null ? types.size === commandTypes.length : types.has(type);
}
