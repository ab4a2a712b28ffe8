/** Allows `perSecond` on average, and `burst` at once. */
export class TokenBucket {
  private left: number;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private filledAt: number,
  ) {
    this.left = burst;
  }

  take(nowMs: number): boolean {
    this.left = Math.min(this.burst, this.left + ((nowMs - this.filledAt) / 1000) * this.perSecond);
    this.filledAt = nowMs;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
