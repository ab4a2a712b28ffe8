/** The dictionaries with which the search finds other forms of a word. */
export interface SearchDictionaries {
  /** By name. The first one is none. */
  known(): Promise<string[]>;
  /**
   * Uses this dictionary from now on. The log consumer that fills the index begins again, so that it adds the stems to
   * all messages; the search works meanwhile.
   */
  change(name: string, consumer: string): Promise<void>;
}
