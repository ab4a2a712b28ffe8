import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { RestMetrics } from '../../../src/adapters/apis/http/middleware/rest-metrics.js';
import { GrpcMetrics } from '../../../src/adapters/telemetry/grpc-metrics.js';
import { KafkaMetrics } from '../../../src/adapters/telemetry/kafka-metrics.js';
import { RealtimeMetrics } from '../../../src/adapters/telemetry/realtime-metrics.js';
import { RelayMetrics } from '../../../src/adapters/telemetry/relay-metrics.js';
import { watchLiveFeed, watchTransport } from '../../../src/adapters/telemetry/transport-metrics.js';
import { WebhookMetrics } from '../../../src/adapters/telemetry/webhook-metrics.js';
import { WorkerMetrics } from '../../../src/adapters/telemetry/worker-metrics.js';
import { startMetrics } from '../../../src/infrastructure/process/metrics.js';
import { eventually } from '../../support/eventually.js';
import { projectFolder } from '../../support/services/services.js';

const APPEARS_WITHIN_MS = 5_000;

/** Each metric of a worker, relay, gateway, gRPC, Kafka and REST, used once, by the names and labels of Prometheus. */
async function scrape(): Promise<Map<string, Set<string>>> {
  const metrics = startMetrics('parley');
  const observer = new WorkerMetrics(metrics.meter);
  const partition = {
    ...{
      partition: 0,
      epoch: 1,
      isSubscribed: true,
      unpublished: 0,
      unpublishedSince: null,
      obstacle: null,
      contendedSince: null,
      notSubscribedSince: null,
    },
    batchSince: null,
  };
  observer.watch(
    () => ({ workerId: 'w', registryAnsweredAt: null, partitions: [partition], logFloors: new Map() }),
    () => new Map([[0, 0]]),
  );
  const webhooks = new WebhookMetrics(metrics.meter);
  webhooks.attempted('delivered', 1);
  webhooks.counted({ waiting: 1, parked: 1, paused: 1, failing: 1, oldestSeconds: 1 });
  watchTransport(metrics.meter, { receiptsIgnored: 1, receiptsDropped: 1, routingRepairs: 1, subscriptionsLost: 1 });
  watchLiveFeed(metrics.meter, { sent: 1, dropped: 1 });
  observer.commandAnswered('message.send', 'rejected', 'not_found', false);
  observer.batchCommitted(1);
  observer.stageTook('decode', 1);
  observer.eventSettled('confirmed');
  observer.deadLettered('poison');
  observer.rerouted();
  observer.forwarded();
  observer.transactionFailed('unavailable');
  observer.leaseAcquired(0, 'assigned');
  observer.pruned('receipts', 1);
  const relay = new RelayMetrics(metrics.meter);
  const cursor = {
    name: 'c',
    partition: 0,
    position: 0,
    epoch: 1,
    owner: 'r',
    end: 1,
    lag: 1,
    lagSeconds: 1,
    parked: 0,
  };
  relay.watch(() => [cursor]);
  relay.delivered('c', 1);
  relay.parked('c');
  relay.overtaken('c', 1);
  relay.tookOver('c');
  const gateway = new RealtimeMetrics(metrics.meter);
  gateway.watch(() => ({ connections: 1, unauthenticated: 0, users: 1, lag: 0, walksWaiting: 0 }));
  gateway.pushed();
  gateway.resynced('slow');
  gateway.becameSlow();
  gateway.closed('restart');
  gateway.filled(1);
  const kafka = new KafkaMetrics(metrics.meter);
  kafka.appended(1, 1, 1);
  kafka.failed();
  kafka.refused('message-too-large');
  const grpc = new GrpcMetrics(metrics.meter);
  grpc.watch(() => 1);
  grpc.answered('/a/b', 0, 1);
  const rest = new RestMetrics(metrics.meter);
  rest.began();
  rest.ended({ method: 'GET', route: '/v1/chats', status: 200, durationMs: 1 });
  const server = createServer((request, response) => metrics.handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    // The loop's delay is there once the first timer was late or in time.
    return await eventually(
      async () => {
        const found = read(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());
        return found.has('process_event_loop_delay_seconds') ? found : null;
      },
      { within: APPEARS_WITHIN_MS, what: 'all metrics' },
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
    await metrics.shutdown();
  }
}

function read(text: string): Map<string, Set<string>> {
  const labels = new Map<string, Set<string>>();
  const types = [...text.matchAll(/^# TYPE (\S+) /gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'target_info');
  for (const name of types) {
    const own = new Set<string>();
    for (const [, list = ''] of text.matchAll(new RegExp(`^${name}(?:_bucket|_sum|_count)?\\{(.*)\\}`, 'gm')))
      for (const [, label = ''] of list.matchAll(/(\w+)="/g))
        if (!label.startsWith('otel_scope') && label !== 'le') own.add(label);
    labels.set(name, own);
  }
  return labels;
}

describe('docs/metrics.md', () => {
  it('lists every metric of a worker, a relay, a gateway and REST with its labels, and no other', async () => {
    const guide = readFileSync(join(projectFolder, 'docs', 'metrics.md'), 'utf8');
    const documented = new Map<string, Set<string>>();
    for (const [, names = '', labels = ''] of guide.matchAll(
      /^\| ((?:`(?:parley|process)_\w+`(?:, )?)+) \| (.*?) \|/gm,
    ))
      for (const [, name = ''] of names.matchAll(/`(\w+)`/g))
        documented.set(name, new Set([...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label)));
    const served = await scrape();
    expect([...documented.keys()]).to.have.members([...served.keys()]);
    for (const [name, labels] of served)
      if (name.startsWith('parley_')) expect([...(documented.get(name) ?? [])], name).to.have.members([...labels]);
  });
});
