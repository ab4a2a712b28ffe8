import type { IncomingMessage, ServerResponse } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';

export interface Metrics {
  /** Creates the process's counters, histograms and gauges. */
  readonly meter: Meter;
  /** Returns all of them in Prometheus' text format. */
  handler(request: IncomingMessage, response: ServerResponse): void;
  shutdown(): Promise<void>;
}

/** Sampling interval of the event loop delay. */
const EVENT_LOOP_RESOLUTION_MS = 20;
const MS_PER_SECOND = 1e3;
const NANOSECONDS_PER_SECOND = 1e9;
const MICROSECONDS_PER_SECOND = 1e6;

/** @param name scope of the instruments */
export function startMetrics(name = 'process'): Metrics {
  // The caller's own server serves it, beside health.
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  const meter = provider.getMeter(name);
  const stop = observeProcess(meter);
  return {
    meter,
    handler: (request, response) => exporter.getMetricsRequestHandler(request, response),
    async shutdown() {
      stop();
      await provider.shutdown();
    },
  };
}

function observeProcess(meter: Meter): () => void {
  meter
    .createObservableGauge('process_resident_memory_bytes', { description: 'Memory held by the process', unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()));
  meter
    .createObservableGauge('process_heap_used_bytes', { description: 'JavaScript heap in use', unit: 'By' })
    .addCallback((result) => result.observe(process.memoryUsage().heapUsed));
  meter
    .createObservableGauge('process_uptime_seconds', { description: 'Time since the process started', unit: 's' })
    .addCallback((result) => result.observe(process.uptime()));
  meter
    .createObservableCounter('process_cpu_seconds', { description: 'Processor time used, by mode', unit: 's' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage();
      result.observe(user / MICROSECONDS_PER_SECOND, { mode: 'user' });
      result.observe(system / MICROSECONDS_PER_SECOND, { mode: 'system' });
    });

  const delay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
  delay.enable();
  // Node measures from one sample to the next, so an idle loop is "delayed" by the interval itself.
  const late = (nanoseconds: number) =>
    Math.max(0, nanoseconds / NANOSECONDS_PER_SECOND - EVENT_LOOP_RESOLUTION_MS / MS_PER_SECOND);
  meter
    .createObservableGauge('process_event_loop_delay_seconds', {
      description: 'Delay of timers since the last scrape, by quantile',
      unit: 's',
    })
    .addCallback((result) => {
      // Before the first sample the histogram is empty, and its quantiles have no meaning.
      if (delay.count > 0) {
        result.observe(late(delay.percentile(50)), { quantile: '0.5' });
        result.observe(late(delay.percentile(99)), { quantile: '0.99' });
        result.observe(late(delay.max), { quantile: '1' });
      }
      delay.reset();
    });
  return () => delay.disable();
}
