import type { PrismaClient } from './generated/client.js';
import { rethrow } from './store-errors.js';

/** By the broker's hash ring, or by the in-process transport's own hash. */
export type Placement = 'ring' | 'in-process';

/** What makes this store this store. Rejects with a `StoreError`. */
export class PrismaStoreIdentity {
  constructor(private readonly database: PrismaClient) {}

  /** Signs REST's cursors and is in the ids of chats created over REST; shared by all processes, drawn at the first migration. */
  async cursorSecret(): Promise<string> {
    const [row] = await this.database.$queryRaw<{ secret: string }[]>`
      SELECT cursor_secret AS secret FROM store`.catch(rethrow);
    if (row === undefined) throw new Error('the store has no identity: its row is missing');
    return row.secret;
  }

  /** Draws a new store id: after restoring an older backup, event ids would repeat under the old one. */
  async renew(): Promise<string> {
    const [row] = await this.database.$queryRaw<{ storeId: string }[]>`
      UPDATE store SET store_id = gen_random_uuid() RETURNING store_id::text AS "storeId"`.catch(rethrow);
    if (row === undefined) throw new Error('the store has no identity: its row is missing');
    return row.storeId;
  }

  /** How commands are spread over partitions; the first caller's answer is recorded. */
  async placement(wanted: Placement): Promise<Placement> {
    const [row] = await this.database.$queryRaw<{ placement: Placement }[]>`
      UPDATE store SET placement = COALESCE(placement, ${wanted}) RETURNING placement`.catch(rethrow);
    if (row === undefined) throw new Error('the store has no identity: its row is missing');
    return row.placement;
  }

  /**
   * Forgets which partition each chat belongs to: the next command's partition takes it. Only while no worker runs and everything
   * committed is published, since a chat's events must not overtake each other from two partitions.
   */
  async placeAnew(placement: Placement): Promise<void> {
    await this.database
      .$transaction([
        this.database.$executeRaw`UPDATE chats SET partition = NULL WHERE partition >= 0`,
        this.database.$executeRaw`UPDATE store SET placement = ${placement}`,
      ])
      .catch(rethrow);
  }
}
