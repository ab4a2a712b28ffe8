/** Wakes one waiter from many places. `wait` returns at once if `wake` was called since the last `wait`. */
export class Signal {
  private due = false;
  private sleeper: (() => void) | null = null;

  wake(): void {
    this.due = true;
    this.sleeper?.();
    this.sleeper = null;
  }

  async wait(): Promise<void> {
    if (!this.due)
      await new Promise<void>((resolve) => {
        this.sleeper = resolve;
      });
    this.due = false;
  }
}
