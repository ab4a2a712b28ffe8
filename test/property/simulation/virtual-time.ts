/**
 * Virtual time: only the next due task runs, and all waiting happens here. Tasks that are due at the same time run in
 * the order of their scheduling, so that a seed always gives the same story.
 */
import type { Time } from '../../../src/application/runtime/time.js';

/** Maximum simulated duration of a run; a longer one hangs. */
const END_MS = 1_200_000;
const START = Date.parse('2026-11-20T20:15:00.000Z');

interface Due {
  at: number;
  order: number;
  happen: () => void;
}

export class VirtualTime {
  /** Milliseconds since the start. */
  now = 0;
  private order = 0;
  /** A binary heap, the next task first. */
  private readonly heap: Due[] = [];

  at(ms: number, happen: () => void): void {
    this.order += 1;
    const due = { at: Math.max(ms, this.now), order: this.order, happen };
    let index = this.heap.push(due) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(due, this.heap[parent] as Due)) break;
      this.heap[index] = this.heap[parent] as Due;
      index = parent;
    }
    this.heap[index] = due;
  }

  after(ms: number, happen: () => void): void {
    this.at(this.now + ms, happen);
  }

  /** Resolves after this time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Runs tasks until `isOver` returns true. Rejects if no task is left before. */
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const next = this.take();
      if (next === undefined) throw new Error('nothing is left to happen');
      if (next.at > END_MS) throw new Error(`not through after ${END_MS / 1000} simulated seconds`);
      this.now = next.at;
      next.happen();
      // Runs all promise callbacks of the task first.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private take(): Due | undefined {
    const [first] = this.heap;
    const last = this.heap.pop();
    if (first === undefined || last === undefined || this.heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.heap.length) break;
      if (child + 1 < this.heap.length && isBefore(this.heap[child + 1] as Due, this.heap[child] as Due)) child += 1;
      if (!isBefore(this.heap[child] as Due, last)) break;
      this.heap[index] = this.heap[child] as Due;
      index = child;
    }
    this.heap[index] = last;
    return first;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/**
 * Random numbers by a seed (mulberry32). Each name has its own stream, so that removing one part does not change the
 * others.
 */
export class Chance {
  private state: number;

  constructor(seed: number, name = '') {
    let hash = seed ^ 0x9e3779b9;
    for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x85ebca6b) ^ (hash >>> 13);
    this.state = hash;
  }

  /** In [0, 1). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

/**
 * A process: its callbacks run while it is alive, are delayed while it is frozen, and are dropped when it is dead. Its
 * requests to others take effect anyway.
 */
export class SimProcess {
  isAlive = true;
  private frozenUntil = 0;
  private readonly chance: Chance;

  constructor(
    readonly name: string,
    private readonly time: VirtualTime,
    seed: number,
    /** The skew of its clock. */
    private readonly clockSkewMs: number,
  ) {
    this.chance = new Chance(seed, name);
  }

  kill(): void {
    this.isAlive = false;
  }

  freeze(ms: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.time.now + ms);
  }

  /** Calls it back after this time. */
  receive(afterMs: number, happen: () => void): void {
    this.receiveAt(this.time.now + afterMs, happen);
  }

  /** What arrives at one time arrives in the order of these calls. */
  receiveAt(ms: number, happen: () => void): void {
    this.time.at(ms, () => {
      if (!this.isAlive) return;
      if (this.time.now < this.frozenUntil) this.time.at(this.frozenUntil, () => this.isAlive && happen());
      else happen();
    });
  }

  /** A request to another process: `effect` happens there, even if this process has ended, and its result returns. */
  ask<T>(effect: () => T | Promise<T>, { toMs, backMs }: { toMs: number; backMs: number }): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.isAlive) return;
      this.time.after(toMs, () => {
        Promise.resolve()
          .then(effect)
          .then(
            (value) => this.receive(backMs, () => resolve(value)),
            (error: unknown) => this.receive(backMs, () => reject(error as Error)),
          );
      });
    });
  }

  get clock(): Time {
    return {
      now: () => new Date(START + this.clockSkewMs + this.time.now),
      elapsedMs: () => this.time.now,
      pause: (delayMs, signal) =>
        new Promise<void>((resolve) => {
          const done = () => {
            signal.removeEventListener('abort', done);
            resolve();
          };
          if (signal.aborted) return resolve();
          signal.addEventListener('abort', done);
          this.receive(delayMs, done);
        }),
      turn: () => new Promise<void>((resolve) => this.receive(0, resolve)),
      random: () => this.chance.next(),
    };
  }
}
