/**
 * Checks events against the sequence numbers of their chats. For events without one it checks that positions in the
 * partition's log ascend.
 */
export class SequenceCheck {
  /** Number of events without repeats. */
  arrived = 0;
  /** Events that arrived after one with a higher number. */
  reordered = 0;
  private readonly last = new Map<string, number>();
  private readonly missing = new Set<string>();

  /** @param isOrdered false: no order is guaranteed, and every event counts as in order */
  constructor(private readonly isOrdered: boolean) {}

  /** Numbers that were skipped and have not arrived since. */
  get gaps(): number {
    return this.missing.size;
  }

  /** Resets the counters; keeps the last number of each chat. */
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
    // Events with a sequence number take positions of the log too, so only the numbers of a chat reveal a gap.
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
