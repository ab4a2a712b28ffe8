/**
 * The broker's ring and the in-process transport spread chats differently. A data folder that was filled by one and is
 * started with the
 * other has its chats placed anew: first everything committed is published, so that no chat's events can overtake each
 * other from
 * two partitions, then each chat belongs to whichever partition gets its next command.
 */

import { EventPublisher, type PublisherDeps } from '../../application/outbox/event-publisher.js';
import { NO_OBSERVER } from '../../application/ports/worker-observer.js';
import { realTime } from '../../application/runtime/time.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import type { RoleContext } from '../roles/role-context.js';
import type { StoreService } from '../roles/store.js';

/** How long publishing what the other transport left behind may take. */
const DRAIN_TIMEOUT_MS = 10_000;

/** Only while no worker runs on the store: `dev` holds the lock of its data folder. */
export async function placeChatsAnew(store: StoreService, context: RoleContext, workerId: string): Promise<void> {
  const { settings, transport, policy, logger } = context;
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
    const ownership = await store.registry.acquire(partition, workerId);
    const publishing = new EventPublisher(partition, publisher, ownership);
    const deadline = new AbortController();
    await Promise.race([publishing.drained(), realTime.pause(DRAIN_TIMEOUT_MS, deadline.signal)]);
    deadline.abort();
    const { unpublished, publishedThrough } = publishing;
    await publishing.stop();
    await store.registry.savePublished(partition, ownership.epoch, publishedThrough);
    await store.registry.release(partition, ownership.epoch);
    if (unpublished > 0)
      throw new StartupError([
        `${unpublished} events of partition ${partition} could not be published; make sure that a queue accepts them, then start again`,
      ]);
  }
  await store.placeAnew();
  logger.info('chats will be placed anew: they were last served by another transport');
}
