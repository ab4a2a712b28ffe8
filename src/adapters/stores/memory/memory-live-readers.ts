import type { LiveReaders } from '../../../application/ports/store/log/live-readers.js';
import type { MemoryTables } from './memory-tables.js';

/** A reader without a heartbeat for this long is removed. */
const READER_FORGOTTEN_AFTER_MS = 60_000;

export class MemoryLiveReaders implements LiveReaders {
  /** `now` is the database's clock, in milliseconds. */
  constructor(
    private readonly tables: MemoryTables,
    private readonly now: () => number = Date.now,
  ) {}

  async heartbeat(readerId: string): Promise<void> {
    const now = this.now();
    const { liveReaders } = this.tables;
    liveReaders.set(readerId, now);
    for (const [id, heardOf] of liveReaders) if (heardOf < now - READER_FORGOTTEN_AFTER_MS) liveReaders.delete(id);
  }

  async withdraw(readerId: string): Promise<void> {
    this.tables.liveReaders.delete(readerId);
  }
}
