import { StoreError } from './command-store.js';

/** A statement, or a query of several, took longer than its time limit; asking for less may help. Nothing was written. */
export class SlowQuery extends StoreError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('unavailable', message, options);
    this.name = 'SlowQuery';
  }
}
