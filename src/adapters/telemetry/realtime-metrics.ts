/** The gateway's metrics. docs/metrics.md explains each. */
import type { Meter } from '@opentelemetry/api';
import type { RealtimeObserver } from '../../application/realtime/realtime-observer.js';
import type { CloseName, ResyncReason } from '../../contract/realtime/protocol.js';

export interface RealtimeGauges {
  connections: number;
  unauthenticated: number;
  users: number;
  lag: number;
  walksWaiting: number;
}

export class RealtimeMetrics implements RealtimeObserver {
  private readonly pushes;
  private readonly resyncs;
  private readonly slow;
  private readonly closings;
  private readonly fills;

  constructor(private readonly meter: Meter) {
    this.pushes = meter.createCounter('parley.gateway.pushes', { description: 'Events pushed to connections' });
    this.resyncs = meter.createCounter('parley.gateway.resyncs', {
      description: 'Walks of sync that a connection needed after its first one, by reason',
    });
    this.slow = meter.createCounter('parley.gateway.slow', {
      description: 'Times that a connection got no more content because it did not acknowledge',
    });
    this.closings = meter.createCounter('parley.gateway.closed', { description: 'Closed connections, by reason' });
    this.fills = meter.createCounter('parley.gateway.filled', {
      description: 'Events that the live feed did not bring in time and that were read from the log',
    });
  }

  watch(read: () => RealtimeGauges): void {
    const connections = this.meter.createObservableGauge('parley.gateway.connections', {
      description: 'Open connections, by state',
    });
    const users = this.meter.createObservableGauge('parley.gateway.users', {
      description: 'Users with a connection to this gateway',
    });
    const lag = this.meter.createObservableGauge('parley.gateway.lag.events', {
      description: 'Committed events that this gateway has not processed',
    });
    const waiting = this.meter.createObservableGauge('parley.gateway.walks.waiting', {
      description: 'Reads of sync pages that wait for a free place',
    });
    this.meter.addBatchObservableCallback(
      (result) => {
        const now = read();
        result.observe(connections, now.connections - now.unauthenticated, { state: 'open' });
        result.observe(connections, now.unauthenticated, { state: 'new' });
        result.observe(users, now.users);
        result.observe(lag, now.lag);
        result.observe(waiting, now.walksWaiting);
      },
      [connections, users, lag, waiting],
    );
  }

  pushed(): void {
    this.pushes.add(1);
  }

  resynced(reason: ResyncReason): void {
    this.resyncs.add(1, { reason });
  }

  becameSlow(): void {
    this.slow.add(1);
  }

  closed(reason: CloseName | 'client'): void {
    this.closings.add(1, { reason });
  }

  filled(events: number): void {
    if (events > 0) this.fills.add(events);
  }
}
