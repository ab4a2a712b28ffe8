import type { Time } from '../../../../src/client/realtime/time.js';

interface Timer {
  at: number;
  action: () => void;
}

/** A clock that moves when the test says so. */
export class ManualTime implements Time {
  chance = 0.5;
  private clock = Date.parse('2026-11-20T20:00:00Z');
  private readonly timers = new Set<Timer>();

  now(): number {
    return this.clock;
  }

  random(): number {
    return this.chance;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { at: this.clock + ms, action };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** Milliseconds until the next timer. Null if there is none. */
  get nextInMs(): number | null {
    const next = this.next(Number.POSITIVE_INFINITY);
    return next === undefined ? null : next.at - this.clock;
  }

  /** Runs the timers of this time, in order. */
  advance(ms: number): void {
    const until = this.clock + ms;
    for (let timer = this.next(until); timer !== undefined; timer = this.next(until)) {
      this.clock = Math.max(this.clock, timer.at);
      this.timers.delete(timer);
      timer.action();
    }
    this.clock = until;
  }

  private next(until: number): Timer | undefined {
    return [...this.timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
  }
}
