/**
 * What a gateway has processed of the log. `through` (G) is each partition's last position that was processed without a
 * gap; the cut (C) is each partition's committed position, read once a second. The live feed makes G follow fast. A
 * gap, also after the last event before a quiet time, shows by G staying below C, and is read from the log.
 *
 * Pure: the caller reads the store and processes what is returned, in that order.
 */
import type { Cut } from '../ports/queries/sync-log.js';

/** Maximum number of events of a partition that wait for an earlier one. Further ones are read from the log. */
export const HELD_EVENTS_MAX = 4_096;

/** A part of the log that the feed has not brought. `after` is exclusive, `through` inclusive. */
export interface Gap {
  partition: number;
  after: number;
  through: number;
}

/** The state when a cut was asked for: the answer must not be below it. */
export interface CutQuestion {
  number: number;
  through: readonly number[];
}

export type CutAnswer =
  /** The log is not the one that was processed: the store was restored, or is another one. */
  | { outcome: 'restored' }
  /** `gaps` have been there for at least the time since the last cut. */
  | { outcome: 'current'; gaps: Gap[] };

interface PartitionState<T> {
  through: number;
  held: Map<number, T>;
}

export class LogTracker<T> {
  private partitions: PartitionState<T>[] = [];
  private current: { number: number; cut: Cut } | null = null;
  private asked = 0;

  /** Begins, or begins anew, at this cut. Everything held is dropped. */
  restart(cut: Cut): void {
    this.partitions = cut.positions.map((through) => ({ through, held: new Map() }));
    this.asked += 1;
    this.current = { number: this.asked, cut };
  }

  get cut(): Cut | null {
    return this.current?.cut ?? null;
  }

  /** The number of the question that the current cut answers. A later moment has a higher one. */
  get cutNumber(): number {
    return this.current?.number ?? 0;
  }

  /** The number of the last question. A cut that answers a later one is later than now. */
  get askedNumber(): number {
    return this.asked;
  }

  through(partition: number): number {
    return this.partitions[partition]?.through ?? 0;
  }

  /** Whether everything up to the current cut is processed. */
  get isCaughtUp(): boolean {
    return (
      this.current !== null &&
      this.partitions.every(({ through }, partition) => through >= (this.current?.cut.positions[partition] ?? 0))
    );
  }

  /** Positions between the cut and what is processed. */
  get lag(): number {
    return this.partitions.reduce(
      (sum, { through }, partition) => sum + Math.max(0, (this.current?.cut.positions[partition] ?? 0) - through),
      0,
    );
  }

  /** An event of the feed. Returns what can be processed now, in order. A repeat returns nothing. */
  received(partition: number, position: number, item: T): T[] {
    const state = this.partitions[partition];
    if (state === undefined || position <= state.through) return [];
    if (position > state.through + 1) {
      if (state.held.size < HELD_EVENTS_MAX) state.held.set(position, item);
      return [];
    }
    state.through = position;
    return [item, ...this.release(state)];
  }

  ask(): CutQuestion {
    this.asked += 1;
    return { number: this.asked, through: this.partitions.map(({ through }) => through) };
  }

  answered({ number, through }: CutQuestion, cut: Cut): CutAnswer {
    const { current } = this;
    if (current === null || number < current.number) return { outcome: 'current', gaps: [] };
    const isBefore = (position: number, partition: number) => (cut.positions[partition] ?? -1) < position;
    if (
      cut.positions.length !== this.partitions.length ||
      cut.imports < current.cut.imports ||
      through.some(isBefore) ||
      current.cut.positions.some(isBefore)
    )
      return { outcome: 'restored' };
    this.current = { number, cut };
    const gaps = this.partitions.flatMap((state, partition) =>
      state.through < (current.cut.positions[partition] ?? 0)
        ? [{ partition, after: state.through, through: cut.positions[partition] ?? 0 }]
        : [],
    );
    return { outcome: 'current', gaps };
  }

  /**
   * Events of a gap, read from the log, by position. `through`: no other event up to there is in the log. Returns what
   * can be processed now, in order.
   */
  filled(partition: number, events: readonly { position: number; item: T }[], through: number): T[] {
    const state = this.partitions[partition];
    if (state === undefined) return [];
    const found = events.filter(({ position }) => position > state.through && position <= through);
    state.through = Math.max(state.through, through);
    for (const position of state.held.keys()) if (position <= state.through) state.held.delete(position);
    return [...found.map(({ item }) => item), ...this.release(state)];
  }

  private release(state: PartitionState<T>): T[] {
    const released: T[] = [];
    for (let next = state.held.get(state.through + 1); next !== undefined; next = state.held.get(state.through + 1)) {
      state.through += 1;
      state.held.delete(state.through);
      released.push(next);
    }
    return released;
  }
}
