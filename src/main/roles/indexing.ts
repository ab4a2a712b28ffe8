/** Fills the search index. Part of a worker, or the role `indexer`. */
import { realTime } from '../../application/runtime/time.js';
import { service } from '../../infrastructure/process/service-runner.js';
import type { RoleContext, RoleParts } from './role.js';

/** A statement in progress may wait for a database that does not answer. */
const STOP_TIMEOUT_MS = 15_000;
/** An indexer that could not read its cursors for this long has lost its leases. */
const CURSORS_SILENCE_MS = 5_000;

/**
 * @param within the role, for the id of the relay: a process can have several
 * @param isBusy whether commands wait in this process; the indexer gives way to them
 * @returns null if the store keeps no search index
 */
export async function composeIndexing(
  context: RoleContext,
  within: string,
  isBusy: () => boolean,
): Promise<RoleParts | null> {
  const { RelayMetrics } = await import('../../adapters/telemetry/relay-metrics.js');
  const { Relay } = await import('../../application/relay/relay.js');
  const { SearchIndexer } = await import('../../application/search/search-indexer.js');
  const { settings, store, policy, workerId, failpoints, logger, metrics } = context;
  if (store.searchIndex === null) return null;
  const indexer = new SearchIndexer({ index: store.searchIndex, time: realTime, isBusy });
  const observer = new RelayMetrics(metrics.meter);
  let running: InstanceType<typeof Relay> | null = null;

  const start = async () => {
    const render = { storeId: store.identity.storeId, recipientsMax: settings.eventRecipientsMax };
    const started = new Relay({
      relayId: `${workerId}-${within}`,
      consumers: [indexer],
      cursors: store.cursors,
      log: store.followed,
      audience: {
        log: store.followed,
        present: store.relayed,
        profiles: store.queries,
        policy,
        recipientsMax: render.recipientsMax,
      },
      render,
      observer,
      logger,
      time: realTime,
      failpoints,
    });
    observer.watch(() => started.status.owned);
    running = started;
    started.start();
  };
  return {
    services: [{ ...service('search indexer', start, async () => running?.stop()), stopTimeoutMs: STOP_TIMEOUT_MS }],
    health: {
      name: 'search',
      check: () => {
        if (running === null) return { ok: false, detail: 'starting' };
        const { tendedAt, troubles, followed } = running.status;
        if (tendedAt === null || realTime.now().getTime() - tendedAt.getTime() > CURSORS_SILENCE_MS)
          return { ok: false, detail: 'the cursors cannot be read' };
        if (troubles.length > 0) return { ok: false, detail: troubles.join('; ') };
        return { ok: true, detail: `indexes ${followed} partitions` };
      },
    },
  };
}
