/** Metrics of the Kafka sink, by the OpenTelemetry API. docs/metrics.md explains each. */
import type { Meter } from '@opentelemetry/api';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class KafkaMetrics {
  private readonly records;
  private readonly bytes;
  private readonly seconds;
  private readonly failures;
  private readonly refusals;

  constructor(meter: Meter) {
    this.records = meter.createCounter('parley.kafka.records', {
      description: 'Records that all replicas in sync of the topic have, repeats included',
    });
    this.bytes = meter.createCounter('parley.kafka.record.bytes', { description: 'Bytes of these records' });
    this.seconds = meter.createHistogram('parley.kafka.append.seconds', {
      description: 'Time of an append that succeeded',
      advice: { explicitBucketBoundaries: SECONDS },
    });
    this.failures = meter.createCounter('parley.kafka.append.failures', {
      description: 'Appends that failed because the cluster was unavailable; each is repeated',
    });
    this.refusals = meter.createCounter('parley.kafka.refused', {
      description: 'Events that the brokers refused by themselves and that were parked, by code',
    });
  }

  appended(records: number, bytes: number, seconds: number): void {
    this.records.add(records);
    this.bytes.add(bytes);
    this.seconds.record(seconds);
  }

  failed(): void {
    this.failures.add(1);
  }

  refused(code: string): void {
    this.refusals.add(1, { code });
  }
}
