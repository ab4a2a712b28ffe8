import type { Meter } from '@opentelemetry/api';
import type { LiveCounters } from '../../application/ports/transport/live-feed.js';
import type { TransportCounters } from '../../application/ports/transport/transport.js';

/** Counters of the transport, read on collection. docs/metrics.md explains each. */
export function watchTransport(meter: Meter, counters: Readonly<TransportCounters>): void {
  meter
    .createObservableCounter('parley.receipts.unsent', { description: 'Receipts that were not sent, by reason' })
    .addCallback((result) => {
      result.observe(counters.receiptsIgnored, { why: 'ignored' });
      result.observe(counters.receiptsDropped, { why: 'dropped' });
    });
  meter
    .createObservableCounter('parley.ring.repairs', { description: 'Repairs of the hash ring by this process' })
    .addCallback((result) => result.observe(counters.routingRepairs));
  meter
    .createObservableCounter('parley.subscriptions.lost', {
      description: 'Subscriptions ended by the broker or by a lost connection',
    })
    .addCallback((result) => result.observe(counters.subscriptionsLost));
}

/** Counters of the live feed, read on collection. */
export function watchLiveFeed(meter: Meter, counters: Readonly<LiveCounters>): void {
  meter
    .createObservableCounter('parley.live.copies', { description: 'Copies of events for the live feed, by outcome' })
    .addCallback((result) => {
      result.observe(counters.sent, { outcome: 'sent' });
      result.observe(counters.dropped, { outcome: 'dropped' });
    });
}
