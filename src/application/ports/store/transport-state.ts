/**
 * What a transport shares between its processes: a lock, and numbers that outlive them. The store keeps both and does
 * not know what they mean.
 */
export interface TransportState {
  /**
   * Runs `work` for one caller at a time, across all processes. The others wait. Rejects with the error of `work`, and
   * if
   * `work` takes longer than the store can hold the lock (`EXCLUSIVE_TIMEOUT_MS` of the store); another caller may have
   * begun by then.
   */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** The numbers of these names, in order. A number that was never raised is 0. */
  read(names: readonly string[]): Promise<number[]>;
  /** Raises a number to at least `value`. Committed when it resolves, also inside `exclusively`. */
  raise(name: string, value: number): Promise<void>;
}
