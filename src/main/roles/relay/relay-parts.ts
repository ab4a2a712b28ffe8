/** A relay as a part of a process: its service and its health. */
import type { LogConsumer } from '../../../application/ports/log-consumer.js';
import { realTime } from '../../../application/runtime/time.js';
import { service } from '../../../infrastructure/process/service-runner.js';
import type { RoleContext, RoleParts } from '../role.js';

/** A delivery in progress may wait for a sink that does not answer. */
const STOP_TIMEOUT_MS = 15_000;
/** A relay that could not read its cursors for this long is not ready: its leases have ended. */
const CURSORS_SILENCE_MS = 5_000;

export interface RelayGiven {
  /** Of the service, and of its line in `/readyz`. */
  name: string;
  /** Identifies the relay in the store. A process can have several. */
  relayId: string;
  consumers: readonly LogConsumer[];
}

export async function relayParts(
  { settings, store, policy, failpoints, logger, metrics }: RoleContext,
  { name, relayId, consumers }: RelayGiven,
): Promise<RoleParts> {
  const { RelayMetrics } = await import('../../../adapters/telemetry/relay-metrics.js');
  const { Relay } = await import('../../../application/relay/relay.js');
  const observer = new RelayMetrics(metrics.meter);
  let running: InstanceType<typeof Relay> | null = null;

  const start = async () => {
    const render = { storeId: store.identity.storeId, recipientsMax: settings.eventRecipientsMax };
    const started = new Relay({
      relayId,
      consumers,
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
    logger.info(name, { relayId, consumers: consumers.map((consumer) => consumer.name) });
  };
  return {
    services: [{ ...service(name, start, async () => running?.stop()), stopTimeoutMs: STOP_TIMEOUT_MS }],
    health: {
      name,
      check: () => {
        if (running === null) return { ok: false, detail: 'starting' };
        const { tendedAt, troubles, followed } = running.status;
        if (tendedAt === null || realTime.now().getTime() - tendedAt.getTime() > CURSORS_SILENCE_MS)
          return { ok: false, detail: 'the cursors cannot be read' };
        if (troubles.length > 0) return { ok: false, detail: troubles.join('; ') };
        return { ok: true, detail: `follows ${followed} cursors` };
      },
    },
  };
}
