import type { LogConsumer } from '../../application/ports/log-consumer.js';
import { realTime } from '../../application/runtime/time.js';
import { variable } from '../../infrastructure/config/config.js';
import { oneOf, text } from '../../infrastructure/config/config-values.js';
import type { HealthState } from '../../infrastructure/process/health.js';
import { service } from '../../infrastructure/process/service-runner.js';
import { DATABASE } from './needs.js';
import { defineRole } from './role.js';

/** A delivery in progress may wait for a sink that does not answer. */
const STOP_TIMEOUT_MS = 15_000;
/** A relay that could not read its cursors for this long is not ready: its leases have ended. */
const CURSORS_SILENCE_MS = 5_000;

/** Event log → log consumers. It needs no broker. */
export const relay = defineRole({
  name: 'relay',
  summary: 'follow the event log with log consumers, such as the JSON Lines files',
  variables: {
    jsonLinesDir: variable({
      name: 'JSON_LINES_DIR',
      parse: text({ minLength: 1 }),
      describe: 'Folder to which the relay writes all events as JSON Lines, for development. If unset: off',
    }),
    jsonLinesFsync: variable({
      name: 'JSON_LINES_FSYNC',
      parse: oneOf('batch', 'never'),
      default: 'batch',
      describe:
        'JSON Lines: batch flushes events to the disk before they count as delivered, never leaves that to the operating system',
    }),
  },
  // A relay without a log consumer would do nothing.
  needs: [DATABASE, { anyOf: ['JSON_LINES_DIR'] }],
  usesTransport: false,
  isInDev: ({ jsonLinesDir }) => jsonLinesDir !== undefined,

  async compose(context) {
    const { JsonLinesConsumer } = await import('../../adapters/sinks/json-lines/json-lines-consumer.js');
    const { RelayMetrics } = await import('../../adapters/telemetry/relay-metrics.js');
    const { Relay } = await import('../../application/relay/relay.js');

    const { settings, store, policy, workerId: relayId, failpoints, logger, metrics } = context;
    const { jsonLinesDir, jsonLinesFsync } = settings;
    // A new consumer is added here.
    const consumers: LogConsumer[] =
      jsonLinesDir === undefined ? [] : [new JsonLinesConsumer({ folder: jsonLinesDir, fsync: jsonLinesFsync })];
    const observer = new RelayMetrics(metrics.meter);
    let running: InstanceType<typeof Relay> | null = null;

    const health = (): HealthState => {
      if (running === null) return { ok: false, detail: 'starting' };
      const { tendedAt, troubles, followed } = running.status;
      if (tendedAt === null || realTime.now().getTime() - tendedAt.getTime() > CURSORS_SILENCE_MS)
        return { ok: false, detail: 'the cursors cannot be read' };
      if (troubles.length > 0) return { ok: false, detail: troubles.join('; ') };
      return { ok: true, detail: `follows ${followed} cursors` };
    };

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
      logger.info('relay', { relayId, consumers: consumers.map(({ name }) => name) });
    };
    return {
      services: [{ ...service('relay', start, async () => running?.stop()), stopTimeoutMs: STOP_TIMEOUT_MS }],
      health: { name: 'relay', check: health },
    };
  },
});
