/** REST's metrics, by the OpenTelemetry API. docs/metrics.md explains each. */
import type { Meter } from '@opentelemetry/api';

/** Upper bounds of the histogram's buckets, in milliseconds. */
const DURATION_BUCKETS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000];
/** Any other method gets the label `other`: input of callers must not become a label. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** A request that was answered, or aborted by its client. */
export interface EndedRequest {
  method: string;
  /** The pattern of its path. Null for an unknown path. */
  route: string | null;
  /** Null if the connection closed before the whole response was sent. */
  status: number | null;
  durationMs: number;
}

export class RestMetrics {
  private readonly requests;
  private readonly duration;
  private inFlight = 0;

  constructor(meter: Meter) {
    this.requests = meter.createCounter('parley.rest.requests', {
      description: 'REST requests, by route, method and class of status',
    });
    this.duration = meter.createHistogram('parley.rest.request.duration', {
      description: 'Duration of REST requests until the answer is sent, by route and method',
      unit: 'ms',
      advice: { explicitBucketBoundaries: DURATION_BUCKETS_MS },
    });
    meter
      .createObservableGauge('parley.rest.requests.in.flight', {
        description: 'REST requests whose answer is not completely sent',
      })
      .addCallback((result) => result.observe(this.inFlight));
  }

  began(): void {
    this.inFlight += 1;
  }

  ended({ method, route, status, durationMs }: EndedRequest): void {
    this.inFlight -= 1;
    const labels = { route: route ?? 'none', method: METHODS.has(method) ? method : 'other' };
    this.requests.add(1, { ...labels, status: status === null ? 'aborted' : `${Math.floor(status / 100)}xx` });
    this.duration.record(durationMs, labels);
  }
}
