import { JsonLinesConsumer } from '../../adapters/sinks/json-lines/json-lines-consumer.js';
import { RelayMetrics } from '../../adapters/telemetry/relay-metrics.js';
import type { LogConsumer } from '../../application/ports/log-consumer.js';
import { Relay } from '../../application/relay/relay.js';
import type { Failpoints } from '../../application/runtime/failpoints.js';
import { realTime } from '../../application/runtime/time.js';
import type { Service } from '../../infrastructure/process/service-runner.js';
import { service } from '../observability.js';
import type { Settings } from '../settings.js';
import type { RoleContext } from './role-context.js';

/** A delivery under way may wait for a sink that hangs. */
const RELAY_STOP_TIMEOUT_MS = 15_000;
/** A relay that could not tend its cursors for this long is not ready: its leases have ended. */
const CURSORS_SILENCE_MS = 5_000;

/** The log consumers that the settings switch on. A new consumer is added here. */
function logConsumers({ jsonLinesDir, jsonLinesFsync }: Settings): LogConsumer[] {
  const consumers: LogConsumer[] = [];
  if (jsonLinesDir !== undefined)
    consumers.push(new JsonLinesConsumer({ folder: jsonLinesDir, fsync: jsonLinesFsync }));
  return consumers;
}

/** Event log → log consumers. It needs no broker. `steps` is for tests that stop a relay at a named point. */
export function relayRole(
  context: Omit<RoleContext, 'transport' | 'quotas'>,
  relayId: string,
  steps?: Failpoints,
): Service {
  const { settings, store, policy, logger, health, metrics } = context;
  const observer = new RelayMetrics(metrics.meter);
  let relay: Relay | null = null;

  health.add('relay', () => {
    if (relay === null) return { ok: false, detail: 'starting' };
    const { tendedAt, troubles, followed } = relay.status;
    if (tendedAt === null || realTime.now().getTime() - tendedAt.getTime() > CURSORS_SILENCE_MS)
      return { ok: false, detail: 'the cursors cannot be read' };
    if (troubles.length > 0) return { ok: false, detail: troubles.join('; ') };
    return { ok: true, detail: `follows ${followed} cursors` };
  });

  const start = async () => {
    const consumers = logConsumers(settings);
    const render = { storeId: store.identity.storeId, recipientsMax: settings.eventRecipientsMax };
    const running = new Relay({
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
      failpoints: steps,
    });
    observer.watch(() => running.status.owned);
    relay = running;
    running.start();
    logger.info('relay', { relayId, consumers: consumers.map(({ name }) => name) });
  };
  return { ...service('relay', start, async () => relay?.stop()), stopTimeoutMs: RELAY_STOP_TIMEOUT_MS };
}
