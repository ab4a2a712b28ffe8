/** The log consumer of webhooks and the engine that sends, as parts of the role `relay`. */
import { HttpWebhookSender } from '../../../adapters/sinks/webhooks/http-webhook-sender.js';
import { WebhookMetrics } from '../../../adapters/telemetry/webhook-metrics.js';
import type { LogConsumer } from '../../../application/ports/log-consumer.js';
import { realTime } from '../../../application/runtime/time.js';
import { DeliveryEngine } from '../../../application/webhooks/delivery-engine.js';
import { WebhookConsumer } from '../../../application/webhooks/webhook-consumer.js';
import type { Values } from '../../../infrastructure/config/config.js';
import { type Service, service } from '../../../infrastructure/process/service-runner.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import type { SharedSettings } from '../../settings/shared-settings.js';
import type { RoleContext } from '../role.js';
import type { webhookVariables } from './webhook-variables.js';

export function webhookParts(
  { settings, store, policy, logger, metrics }: RoleContext<SharedSettings & Values<typeof webhookVariables>>,
  relayId: string,
): { consumer: LogConsumer; service: Service } {
  const { webhooks } = store;
  if (webhooks === null) throw new StartupError(['WEBHOOKS=on needs STORE=postgres']);
  const schedule = { delaysMs: settings.webhookRetryDelaysMs, probeIntervalMs: settings.webhookProbeIntervalMs };
  const deliveries = webhooks.deliveries(schedule);
  const sender = new HttpWebhookSender({
    privateNetworks: settings.webhookPrivateNetworks ?? [],
    ports: settings.webhookPorts,
    timeoutMs: settings.webhookTimeoutMs,
  });
  const observer = new WebhookMetrics(metrics.meter);
  let engine: DeliveryEngine | null = null;
  const start = async () => {
    const render = { storeId: store.identity.storeId, recipientsMax: settings.eventRecipientsMax };
    engine = new DeliveryEngine({
      ...{ relayId, deliveries, sender, schedule, observer, logger },
      content: {
        log: store.followed,
        audience: {
          ...{ log: store.followed, present: store.relayed, profiles: store.queries, policy },
          recipientsMax: render.recipientsMax,
        },
        connected: webhooks.connected,
        render,
      },
      perEndpoint: settings.webhookConcurrency,
      time: realTime,
    });
    engine.start();
  };
  const consumer = new WebhookConsumer(deliveries, {
    wake: () => engine?.wake(),
    stop: async () => engine?.stop(),
  });
  return { consumer, service: service('webhooks', start, async () => engine?.stop()) };
}
