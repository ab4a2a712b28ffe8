/** Limits the concurrent reads of sync pages of a process. Others wait in line, so that a storm is served in order. */
export class WalkQueue {
  private running = 0;
  private readonly line = new Set<() => void>();

  constructor(private readonly concurrency: number) {}

  get waiting(): number {
    return this.line.size;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.concurrency) await new Promise<void>((resolve) => void this.line.add(resolve));
    else this.running += 1;
    try {
      return await work();
    } finally {
      const [next] = this.line;
      if (next === undefined) this.running -= 1;
      else {
        this.line.delete(next);
        next(); // It takes over the place.
      }
    }
  }
}
