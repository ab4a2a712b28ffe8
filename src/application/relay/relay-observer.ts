/** What a relay counts, by the name of the consumer. */
export interface RelayObserver {
  delivered(consumer: string, events: number): void;
  parked(consumer: string): void;
  /** Retention deleted that many events before the consumer read them. */
  overtaken(consumer: string, missing: number): void;
  tookOver(consumer: string): void;
}
