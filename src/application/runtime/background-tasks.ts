/** Runs at most one task of each kind at a time, beside the caller. A failed task may be started again. */
export class BackgroundTasks {
  private readonly running = new Map<string, Promise<unknown>>();

  constructor(private readonly onFailure: (kind: string, error: unknown) => void) {}

  /** Does nothing if a task of this kind is running. */
  start(kind: string, work: () => Promise<unknown>): void {
    if (this.running.has(kind)) return;
    const running = work()
      .catch((error: unknown) => this.onFailure(kind, error))
      .finally(() => this.running.delete(kind));
    this.running.set(kind, running);
  }

  /** Resolves when all tasks that run now have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.running.values());
  }
}
