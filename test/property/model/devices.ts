/** Clients that sync, one for each person who has synced. */
import { expect } from 'chai';
import type { StoreHarness } from '../../conformance/store/store-conformance.js';
import { pagesOf } from '../../unit/application/sync/fetch-page.js';
import { expectInSync } from '../../unit/application/sync/sync-oracle.js';
import { SyncingClient } from '../../unit/application/sync/syncing-client.js';
import { ChangingView, MEMBERSHIP_STATES, type View } from '../../unit/application/sync/views.js';
import type { Sync } from './intents.js';
import { tablesOf } from './model-tables.js';
import type { ModelWorld } from './model-world.js';

/** The tenant of the chats that they sync. */
const TENANT = 'default';
const LAST_PAGE_SIZE = 40;
/**
 * The policy of syncing clients: archived chats, and chats in which the user is a reader, are hidden from all but bob.
 */
const SOME: View = ['open owner', 'open admin', 'open member'];
const viewOf = (userId: string) => new ChangingView(userId === 'bob' ? MEMBERSHIP_STATES : SOME);

export class Devices {
  private readonly clients = new Map<string, SyncingClient>();

  constructor(
    private readonly store: StoreHarness,
    private readonly world: ModelWorld,
  ) {}

  async sync({ who, size, whole }: Sync): Promise<void> {
    const client = this.clients.get(who) ?? new SyncingClient(pagesOf(this.store, who, { policy: viewOf(who).policy }));
    this.clients.set(who, client);
    if (whole) await this.catchUp(who, client, size);
    else await client.sync(size);
  }

  /** Checks that each client has the state that the model has for its user. */
  async allCatchUp(): Promise<void> {
    for (const [userId, client] of this.clients) {
      await this.catchUp(userId, client, LAST_PAGE_SIZE);
      const { events, resets, departures, hidden } = client.counts;
      await client.catchUp(LAST_PAGE_SIZE);
      expect(client.counts, 'who has everything is given nothing').to.include({ events, resets, departures, hidden });
    }
  }

  /** Counts of everything that the clients have received. */
  count(what: keyof SyncingClient['counts']): number {
    return [...this.clients.values()].reduce((sum, { counts }) => sum + counts[what], 0);
  }

  private async catchUp(userId: string, client: SyncingClient, size: number): Promise<void> {
    await client.catchUp(size);
    expectInSync(client, userId, tablesOf(this.world, TENANT), viewOf(userId));
  }
}
