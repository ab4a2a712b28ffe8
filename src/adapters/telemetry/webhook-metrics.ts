/** The metrics of webhooks, by the OpenTelemetry API. docs/metrics.md explains each. */
import type { Meter } from '@opentelemetry/api';
import type { DeliveryCounts } from '../../application/ports/store/webhooks.js';
import type { AttemptOutcome } from '../../application/webhooks/attempt.js';
import type { WebhookObserver } from '../../application/webhooks/webhook-observer.js';

export class WebhookMetrics implements WebhookObserver {
  private readonly attempts;
  private readonly durations;
  private latest: DeliveryCounts | null = null;

  constructor(meter: Meter) {
    this.attempts = meter.createCounter('parley.webhook.attempts', {
      description: 'Requests to webhooks, by outcome',
    });
    this.durations = meter.createHistogram('parley.webhook.attempt.seconds', {
      description: 'Duration of a request to a webhook, by outcome',
    });
    const gauges = {
      waiting: meter.createObservableGauge('parley.webhook.waiting', {
        description: 'Events that wait for a webhook, without those that are only in the log',
      }),
      parked: meter.createObservableGauge('parley.webhook.parked', {
        description: 'Events that webhooks refused and that were parked',
      }),
      paused: meter.createObservableGauge('parley.webhook.paused', {
        description: 'Webhooks to which nothing is sent: paused, gone, or without a secret',
      }),
      failing: meter.createObservableGauge('parley.webhook.failing', {
        description: 'Webhooks whose endpoint fails and is left alone between attempts',
      }),
      oldestSeconds: meter.createObservableGauge('parley.webhook.oldest.seconds', {
        description: 'Age of the oldest event that waits for a webhook',
      }),
    };
    meter.addBatchObservableCallback((result) => {
      if (this.latest === null) return;
      for (const [name, gauge] of Object.entries(gauges))
        result.observe(gauge, this.latest[name as keyof DeliveryCounts]);
    }, Object.values(gauges));
  }

  attempted(outcome: AttemptOutcome, durationMs: number): void {
    this.attempts.add(1, { outcome });
    this.durations.record(durationMs / 1_000, { outcome });
  }

  counted(counts: DeliveryCounts): void {
    this.latest = counts;
  }
}
