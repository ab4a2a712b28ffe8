/**
 * The hash ring of the broker and the in-process transport assign chats to partitions differently. If the data folder
 * was used with the other transport last, the assignments are cleared. Everything committed is published before that,
 * because a chat's events from two partitions could be published out of order. Then each chat belongs to the partition
 * that gets its next command.
 */

import { EventPublisher, type PublisherDeps } from '../../application/outbox/event-publisher.js';
import { NO_OBSERVER } from '../../application/ports/worker-observer.js';
import { realTime } from '../../application/runtime/time.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import type { RoleContext } from '../roles/role.js';
import type { StoredPlacement } from '../stores/store.js';

/** Maximum time to publish the remaining events of one partition. */
const DRAIN_TIMEOUT_MS = 10_000;

/** Allowed only while no worker runs on the store: `dev` has locked its data folder. */
export async function reassignChats(storedPlacement: StoredPlacement, context: RoleContext): Promise<void> {
  const { settings, store, transport, policy, workerId, logger } = context;
  const publisher: PublisherDeps = {
    log: store.log,
    sink: transport.sink,
    policy,
    observer: NO_OBSERVER,
    logger,
    time: realTime,
    render: { storeId: store.identity.storeId, recipientsMax: settings.eventRecipientsMax },
  };
  for (let partition = 0; partition < settings.partitions; partition += 1) {
    const lease = await store.registry.acquire(partition, workerId);
    const publishing = new EventPublisher(partition, publisher, lease);
    const deadline = new AbortController();
    await Promise.race([publishing.drained(), realTime.pause(DRAIN_TIMEOUT_MS, deadline.signal)]);
    deadline.abort();
    const { unpublished, publishedThrough } = publishing;
    await publishing.stop();
    await store.registry.savePublished(partition, lease.epoch, publishedThrough);
    await store.registry.release(partition, lease.epoch);
    if (unpublished > 0)
      throw new StartupError([
        `${unpublished} events of partition ${partition} could not be published; make sure that a queue accepts them, then start again`,
      ]);
  }
  await storedPlacement.clear();
  logger.info('partitions of all chats cleared: another transport assigned them');
}
