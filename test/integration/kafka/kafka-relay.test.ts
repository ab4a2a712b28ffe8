/** The role `relay` as a process, writing to Kafka. */

import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { RelayStep } from '../../../src/application/runtime/failpoints.js';
import { PARTITIONS } from '../../conformance/store/fixtures.js';
import { eventually } from '../../support/eventually.js';
import { startProcess, type TestProcess } from '../../support/fleet/processes.js';
import { RelayHarness, WITHIN_MS } from '../../support/relay-harness.js';
import { KafkaMock, kafkaMissing } from '../../support/services/kafka/kafka-mock.js';
import { cli } from '../main/cli/run-cli.js';
import { openPrismaStore, type PrismaHarness } from '../prisma/prisma-harness.js';
import { KafkaSinkFixture } from './kafka-fixture.js';

const PAUSING_WORKER = fileURLToPath(new URL('../../support/fleet/pausing-worker.js', import.meta.url));
const STEPS: readonly RelayStep[] = ['relay-delivered', 'relay-read', 'relay-moved'];
/** How often a relay is killed. `npm run proof -- kafka` has more. */
const KILLS = Number(process.env.PARLEY_KAFKA_KILLS ?? 1);
const LEASE_WITHIN_MS = 60_000;
const WHAT_IS_MISSING = kafkaMissing();

describe('A relay process with the Kafka sink', function () {
  this.timeout(120_000 + KILLS * 30_000);
  let mock: KafkaMock;
  let store: PrismaHarness;
  let sink: KafkaSinkFixture;
  let env: Record<string, string>;
  const processes: TestProcess[] = [];

  before(async function () {
    if (WHAT_IS_MISSING !== undefined) {
      console.log(`      skipped: ${WHAT_IS_MISSING}`);
      this.skip();
    }
    mock = await KafkaMock.start();
    store = await openPrismaStore();
    sink = new KafkaSinkFixture(mock, new RelayHarness(store));
    env = {
      DATABASE_URL: store.url,
      HOST: '127.0.0.1',
      COMMAND_PARTITIONS: String(PARTITIONS),
      KAFKA_BROKERS: mock.brokers.join(','),
      KAFKA_TOPIC: mock.topic,
      KAFKA_FORMAT: 'binary',
    };
    await sink.write(1, 2);
  });
  after(async () => {
    await Promise.all(processes.map((one) => (one.running ? one.kill() : undefined)));
    await store?.close();
    await mock?.stop();
  });

  async function start(options: Parameters<typeof startProcess>[0]): Promise<TestProcess> {
    const started = await startProcess(options);
    processes.push(started);
    return started;
  }

  it('loses and reorders nothing when it is killed in the middle of a delivery', async () => {
    for (let kill = 0; kill < KILLS; kill += 1) {
      const step = STEPS[kill % STEPS.length] ?? 'relay-read';
      const victim = await start({
        script: PAUSING_WORKER,
        env: { ...env, PAUSE_ROLE: 'relay', PAUSE_AT: step, PAUSE_AFTER_BATCHES: '1' },
      });
      await sink.write(3, 10);
      await victim.line(/^paused at/, LEASE_WITHIN_MS);
      await victim.kill();
    }
    const successor = await start({ args: ['relay'], env });
    await sink.write(3, 10);
    await eventually(async () => (await store.cursors.states()).every(({ lag }) => lag === 0), {
      within: LEASE_WITHIN_MS,
      what: 'the successor comes to the end of the log',
    });
    expect(await sink.faults()).to.deep.equal([]);
    const epochs = new Set((await mock.records()).map(({ headers }) => headers['parley-epoch']));
    expect(epochs.size, 'the successor has a higher epoch').to.be.greaterThan(1);
    await successor.ready();
  });

  it('is not ready while Kafka is away, and shows the lag', async () => {
    const relay = processes.at(-1);
    for (const broker of [1, 2, 3]) await mock.down(broker);
    await sink.write(1, 5, 1);
    await eventually(
      async () => {
        const response = await fetch(`${relay?.opsUrl}/readyz`);
        return response.status === 503 && /kafka in partition 0/.test(await response.text());
      },
      { within: WITHIN_MS, what: 'the relay reports that Kafka is away' },
    );
    const { stdout } = await cli(['relay', 'status'], { DATABASE_URL: store.url });
    expect(stdout.find((line) => /^kafka +0 /.test(line))).to.match(/^kafka +0 +\d+ +\d+ +5 /);
    const metrics = await (await fetch(`${relay?.opsUrl}/metrics`)).text();
    expect(metrics).to.match(/^parley_kafka_append_failures_total\S* [1-9]/m);
    for (const broker of [1, 2, 3]) await mock.up(broker);
    expect(await sink.faults()).to.deep.equal([]);
    await relay?.ready();
    await relay?.stop();
  });
});
