/** The differences between stores. `test/conformance/store/` tests each declared capability. */
export interface StoreCapabilities {
  /** The data remains when the process ends. */
  durable: boolean;
  /** Several processes can use the store at the same time. */
  shared: boolean;
  /** Messages can be searched by text. Without it REST answers a search with 501. */
  search: boolean;
}
