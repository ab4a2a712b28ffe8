import { StoreError } from '../store/command-store.js';

/** A query exceeded its time limit. A smaller request may succeed. Nothing was written. */
export class SlowQuery extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('timed_out', message, options);
    this.name = 'SlowQuery';
  }
}
