/** The text search configurations that the message search can use. */
export interface SearchDictionaries {
  /** By name. */
  known(): Promise<string[]>;
  /** Builds a new index, which may take hours, and then uses it. The current index stays in use meanwhile. */
  change(name: string): Promise<void>;
}
