/** Holds events against their chats' numbers, or, where they have none, against their partition's log, whose positions only rise. */
export class SequenceCheck {
  /** First copies. */
  arrived = 0;
  /** Came after one with a higher number. */
  reordered = 0;
  private readonly last = new Map<string, number>();
  private readonly missing = new Set<string>();

  /** @param isOrdered false: nothing is promised, and everything counts as it comes */
  constructor(private readonly isOrdered: boolean) {}

  /** Numbers that were skipped and have not come since. */
  get gaps(): number {
    return this.missing.size;
  }

  /** Counts anew; where each chat stands is kept. */
  reset(): void {
    this.arrived = 0;
    this.reordered = 0;
    this.missing.clear();
  }

  /** @returns false for a repeat */
  take(eventId: string): boolean {
    if (!this.isOrdered) {
      this.arrived += 1;
      return true;
    }
    const slash = eventId.lastIndexOf('/');
    const of = eventId.slice(0, slash);
    const number = Number(eventId.slice(slash + 1));
    const last = this.last.get(of) ?? 0;
    if (number <= last) return this.takeLate(eventId);
    // A log's positions are taken by events with numbers too: only a chat's own tell what is missing.
    if (!of.startsWith('p'))
      for (let skipped = last + 1; skipped < number; skipped += 1) this.missing.add(`${of}/${skipped}`);
    this.last.set(of, number);
    this.arrived += 1;
    return true;
  }

  private takeLate(eventId: string): boolean {
    if (!this.missing.delete(eventId)) return false;
    this.reordered += 1;
    this.arrived += 1;
    return true;
  }
}
