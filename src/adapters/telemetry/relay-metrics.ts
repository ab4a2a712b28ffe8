/** The relay's metrics, by the OpenTelemetry API. docs/metrics.md explains each. */
import type { Meter } from '@opentelemetry/api';
import type { CursorState } from '../../application/ports/store/log/event-cursors.js';
import type { RelayObserver } from '../../application/relay/relay-observer.js';

export class RelayMetrics implements RelayObserver {
  private readonly deliveries;
  private readonly parkings;
  private readonly missed;
  private readonly takeOvers;

  constructor(private readonly meter: Meter) {
    this.deliveries = meter.createCounter('parley.relay.delivered', {
      description: 'Events that a log consumer has taken, by consumer',
    });
    this.parkings = meter.createCounter('parley.relay.parked', {
      description: 'Events that a log consumer refused and that were parked, by consumer',
    });
    this.missed = meter.createCounter('parley.relay.overtaken', {
      description: 'Events that retention deleted before a log consumer read them, by consumer',
    });
    this.takeOvers = meter.createCounter('parley.relay.takeovers', {
      description: 'Cursors that this relay has taken, by consumer',
    });
  }

  /** Lag of the cursors that this relay owns, read on collection. */
  watch(owned: () => readonly CursorState[]): void {
    const lag = this.meter.createObservableGauge('parley.relay.lag.events', {
      description: 'Events after the owned cursors of a log consumer',
    });
    const seconds = this.meter.createObservableGauge('parley.relay.lag.seconds', {
      description: 'Age of the oldest event after the owned cursors of a log consumer',
    });
    const chats = this.meter.createObservableGauge('parley.relay.lag.chats', {
      description: 'Imported chats that a log consumer has not got completely',
    });
    this.meter.addBatchObservableCallback(
      (result) => {
        const states = owned();
        for (const consumer of new Set(states.map(({ name }) => name))) {
          const own = states.filter(({ name }) => name === consumer);
          const ofLog = own.filter(({ partition }) => partition >= 0);
          result.observe(
            lag,
            ofLog.reduce((sum, state) => sum + state.lag, 0),
            { consumer },
          );
          result.observe(seconds, Math.max(0, ...ofLog.map(({ lagSeconds }) => lagSeconds)), { consumer });
          const imports = own.filter(({ partition }) => partition < 0);
          result.observe(
            chats,
            imports.reduce((sum, state) => sum + state.lag, 0),
            { consumer },
          );
        }
      },
      [lag, seconds, chats],
    );
  }

  delivered(consumer: string, events: number): void {
    if (events > 0) this.deliveries.add(events, { consumer });
  }

  parked(consumer: string): void {
    this.parkings.add(1, { consumer });
  }

  overtaken(consumer: string, missing: number): void {
    this.missed.add(missing, { consumer });
  }

  tookOver(consumer: string): void {
    this.takeOvers.add(1, { consumer });
  }
}
