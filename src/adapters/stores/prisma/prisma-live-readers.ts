import type { LiveReaders } from '../../../application/ports/store/log/live-readers.js';
import type { PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/** A reader without a heartbeat for this long is removed. */
const READER_FORGOTTEN_AFTER_MS = 60_000;

/** Every method rejects with a `StoreError`. */
export class PrismaLiveReaders implements LiveReaders {
  constructor(private readonly database: PrismaClient) {}

  async heartbeat(readerId: string): Promise<void> {
    // Raw: the server's clock, which workers compare with.
    await this.database.$executeRaw`
        WITH forgotten AS (
          DELETE FROM live_readers WHERE reader_id IN (
            SELECT reader_id FROM live_readers
            WHERE reader_id <> ${readerId}
              AND heartbeat_at < now() - ${READER_FORGOTTEN_AFTER_MS}::float8 * interval '1 millisecond'
            FOR UPDATE SKIP LOCKED))
        INSERT INTO live_readers (reader_id, heartbeat_at) VALUES (${readerId}, now())
        ON CONFLICT (reader_id) DO UPDATE SET heartbeat_at = EXCLUDED.heartbeat_at`.catch(rethrow);
  }

  async withdraw(readerId: string): Promise<void> {
    await this.database.liveReader.deleteMany({ where: { readerId } }).catch(rethrow);
  }
}
