import type { StartAt } from '../../../application/ports/log-consumer.js';
import {
  type CursorKey,
  type CursorState,
  type EventCursors,
  type HeldCursor,
  LAG_CHATS_MAX,
  type OwnedCursor,
  type ParkedEvent,
  type ParkedPlace,
} from '../../../application/ports/store/log/event-cursors.js';
import { PARTITION_WHILE_IMPORTED } from '../../../domain/chat.js';
import { byCodeUnit, type CursorRow, type MemoryTables } from './memory-tables.js';

const MS_PER_S = 1_000;

export class MemoryEventCursors implements EventCursors {
  /** `now` is the database's clock, in milliseconds. */
  constructor(
    private readonly tables: MemoryTables,
    private readonly now: () => number = Date.now,
  ) {}

  async create(name: string, start: StartAt, withImports: boolean): Promise<void> {
    const { tables } = this;
    for (const { partition, position } of tables.partitions.values()) {
      const log = tables.log.get(partition) ?? [];
      const before = (time: Date) => log.findLast(({ at }) => at < time)?.position ?? 0;
      this.createOne(name, partition, start === 'now' ? position : start === 'beginning' ? 0 : before(start));
    }
    if (withImports) this.createOne(name, PARTITION_WHILE_IMPORTED, start === 'beginning' ? 0 : tables.imports);
  }

  async tend(relayId: string, names: readonly string[], leaseMs: number): Promise<HeldCursor[]> {
    const { tables } = this;
    const now = this.now();
    tables.relays.set(relayId, { consumers: names, aliveUntil: now + leaseMs });
    const held: HeldCursor[] = [];
    for (const [number, row] of this.sorted().entries()) {
      const live = [...tables.relays]
        .filter(([id, relay]) => relay.consumers.includes(row.name) && (relay.aliveUntil > now || id === relayId))
        .map(([id]) => id)
        .sort(byCodeUnit);
      const isAssigned = live.length > 0 && live[number % live.length] === relayId;
      const isHeld = row.owner === relayId;
      const isFree = row.owner === null || row.leaseUntil < now;
      if (isAssigned && (isHeld || isFree)) {
        row.owner = relayId;
        row.epoch += isHeld ? 0 : 1;
        row.leaseUntil = now + leaseMs;
        const { name, partition, epoch, position } = row;
        const hasRetries = this.parkedOf(name).some((one) => one.partition === partition && one.isRetryRequested);
        held.push({ name, partition, epoch, position, hasRetries });
      } else if (isHeld) row.owner = null;
    }
    return held;
  }

  async leave(relayId: string): Promise<void> {
    this.tables.relays.delete(relayId);
    for (const row of this.tables.cursors.values()) if (row.owner === relayId) row.owner = null;
  }

  async move(cursor: OwnedCursor, position: number): Promise<boolean> {
    const row = this.owned(cursor);
    if (row === null) return false;
    row.position = Math.max(row.position, position);
    return true;
  }

  async park(cursor: OwnedCursor, place: ParkedPlace, code: string, position: number): Promise<boolean> {
    if (!(await this.move(cursor, position))) return false;
    const key = parkedKey(cursor, place);
    const attempts = (this.tables.parked.get(key)?.attempts ?? 0) + 1;
    const { name, partition } = cursor;
    const parkedAt = new Date(this.now());
    this.tables.parked.set(key, { name, partition, ...place, code, attempts, parkedAt, isRetryRequested: false });
    return true;
  }

  async retries({ name, partition }: CursorKey, limit: number): Promise<ParkedPlace[]> {
    return this.parkedOf(name)
      .filter((one) => one.partition === partition && one.isRetryRequested)
      .slice(0, limit)
      .map(({ position, sequence }) => ({ position, sequence }));
  }

  async settleRetry(cursor: OwnedCursor, place: ParkedPlace, failedWith: string | null): Promise<boolean> {
    if (this.owned(cursor) === null) return false;
    const key = parkedKey(cursor, place);
    const parked = this.tables.parked.get(key);
    if (parked === undefined) return true;
    if (failedWith === null) this.tables.parked.delete(key);
    else
      this.tables.parked.set(key, {
        ...parked,
        code: failedWith,
        attempts: parked.attempts + 1,
        isRetryRequested: false,
      });
    return true;
  }

  async states(): Promise<CursorState[]> {
    const { tables } = this;
    const now = this.now();
    return this.sorted().map(({ name, partition, position, epoch, owner, leaseUntil }) => {
      const row = tables.partitions.get(partition);
      const end = row?.position ?? tables.imports;
      const waiting = [...tables.importNumbers.values()].filter((number) => number > position).length;
      const next =
        row === undefined ? undefined : tables.log.get(partition)?.find((event) => event.position > position);
      return {
        ...{ name, partition, position, epoch, owner: leaseUntil > now ? owner : null, end },
        lag: row === undefined ? Math.min(waiting, LAG_CHATS_MAX) : Math.max(end - position, 0),
        lagSeconds: next === undefined ? 0 : Math.max(now - next.at.getTime(), 0) / MS_PER_S,
        parked: this.parkedOf(name).filter((one) => one.partition === partition).length,
      };
    });
  }

  async parked(name: string, limit: number): Promise<ParkedEvent[]> {
    return this.parkedOf(name)
      .slice(0, limit)
      .map((one) => ({ ...one }));
  }

  async requestRetry(name: string): Promise<number> {
    const parked = this.parkedOf(name);
    for (const one of parked) one.isRetryRequested = true;
    return parked.length;
  }

  async rebuild(name: string): Promise<number> {
    const rows = this.sorted().filter((row) => row.name === name);
    for (const row of rows) Object.assign(row, { position: 0, epoch: row.epoch + 1, owner: null });
    for (const one of this.parkedOf(name)) this.tables.parked.delete(parkedKey(one, one));
    return rows.length;
  }

  private createOne(name: string, partition: number, position: number): void {
    const key = `${name} ${partition}`;
    if (this.tables.cursors.has(key)) return;
    this.tables.cursors.set(key, { name, partition, position, epoch: 0, owner: null, leaseUntil: 0 });
  }

  private owned({ name, partition, epoch }: OwnedCursor): CursorRow | null {
    const row = this.tables.cursors.get(`${name} ${partition}`);
    return row === undefined || row.epoch !== epoch ? null : row;
  }

  private sorted(): CursorRow[] {
    return [...this.tables.cursors.values()].sort((a, b) => byCodeUnit(a.name, b.name) || a.partition - b.partition);
  }

  private parkedOf(name: string): ParkedEvent[] {
    return [...this.tables.parked.values()]
      .filter((one) => one.name === name)
      .sort((a, b) => a.partition - b.partition || a.position - b.position || a.sequence - b.sequence);
  }
}

function parkedKey({ name, partition }: CursorKey, { position, sequence }: ParkedPlace): string {
  return `${name} ${partition} ${position} ${sequence}`;
}
