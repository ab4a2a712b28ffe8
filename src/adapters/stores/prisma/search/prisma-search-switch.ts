import { SEARCH_CONSUMER } from '../../../../application/search/search-indexer.js';
import type { PrismaClient } from '../generated/client.js';
import { rethrow } from '../store-errors.js';

/**
 * Whether the fleet keeps the search index. All workers must agree: one that writes no marks would leave the words of a
 * deleted text in an index that another one fills.
 */
export class PrismaSearchSwitch {
  constructor(private readonly database: PrismaClient) {}

  /**
   * Records the setting of a worker that starts. If it switches the index off, the index is emptied; if it switches it
   * on, the indexer begins with the first message.
   *
   * Raw: the server's clock, a row lock, and TRUNCATE.
   * @param aliveWithinMs a worker with a heartbeat within this time is alive
   * @returns false if live workers have the other setting
   */
  async settle(isOn: boolean, aliveWithinMs: number): Promise<boolean> {
    return await this.database
      .$transaction(async (tx) => {
        const [store] = await tx.$queryRaw<{ search: boolean; hasWorkers: boolean }[]>`
          SELECT search, EXISTS (SELECT FROM workers
            WHERE heartbeat_at >= now() - ${aliveWithinMs}::float8 * interval '1 millisecond') AS "hasWorkers"
          FROM store FOR UPDATE`;
        if (store === undefined) throw new Error('the store has no identity: its row is missing');
        if (store.search === isOn) return true;
        if (store.hasWorkers) return false;
        await tx.$executeRaw`UPDATE store SET search = ${isOn}`;
        if (isOn) return true;
        await tx.$executeRaw`DELETE FROM parked_events WHERE name = ${SEARCH_CONSUMER}`;
        await tx.$executeRaw`DELETE FROM event_cursors WHERE name = ${SEARCH_CONSUMER}`;
        await tx.$executeRaw`TRUNCATE message_search`;
        return true;
      })
      .catch(rethrow);
  }
}
