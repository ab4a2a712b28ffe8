/** Metrics of the gRPC API, by the OpenTelemetry API. docs/metrics.md explains each. */
import type { Meter } from '@opentelemetry/api';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class GrpcMetrics {
  private readonly calls;
  private readonly seconds;

  constructor(private readonly meter: Meter) {
    this.calls = meter.createCounter('parley.grpc.calls', { description: 'Answered calls, by method and status code' });
    this.seconds = meter.createHistogram('parley.grpc.call.seconds', {
      description: 'Time of a call, by method; of a stream, how long it lasted',
      advice: { explicitBucketBoundaries: SECONDS },
    });
  }

  /** Calls in progress, read on collection. */
  watch(calls: () => number): void {
    this.meter
      .createObservableGauge('parley.grpc.calls.open', { description: 'Calls in progress, streams included' })
      .addCallback((result) => result.observe(calls()));
  }

  answered(method: string, code: number, seconds: number): void {
    this.calls.add(1, { method, code });
    this.seconds.record(seconds, { method });
  }
}
