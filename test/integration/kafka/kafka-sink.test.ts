import { join } from 'node:path';
import { expect } from 'chai';
import kafkajs from 'kafkajs';
import type { KafkaClient } from '../../../src/adapters/sinks/kafka/kafka-client.js';
import { eventually } from '../../support/eventually.js';
import { startProcess } from '../../support/fleet/processes.js';
import { faultsOfTopic } from '../../support/kafka-ledger.js';
import { RelayHarness, WITHIN_MS } from '../../support/relay-harness.js';
import { KafkaMock, kafkaMissing, PRODUCE } from '../../support/services/kafka/kafka-mock.js';
import { pythonWithKafka } from '../../support/services/python.js';
import { projectFolder } from '../../support/services/services.js';
import { openMemoryStore } from '../../unit/adapters/memory/memory-harness.js';
import { clientOf, KafkaSinkFixture } from './kafka-fixture.js';

const { Kafka, logLevel, Partitioners } = kafkajs;

/** Of the Kafka protocol. */
const NOT_LEADER = 6;
const REQUEST_TIMED_OUT = 7;
const MESSAGE_TOO_LARGE = 10;
const NOT_ENOUGH_REPLICAS = 19;
const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20;
/** librdkafka: the mock broker closes the connection. */
const TRANSPORT = -195;

/** `npm run proof -- kafka` has more. */
const ROUNDS = Number(process.env.PARLEY_KAFKA_ROUNDS ?? 2);
const WHAT_IS_MISSING = kafkaMissing();

describe('The Kafka sink', function () {
  this.timeout(60_000);
  let mock: KafkaMock;
  let relays: RelayHarness;
  let sink: KafkaSinkFixture;

  before(function () {
    if (WHAT_IS_MISSING !== undefined) {
      console.log(`      skipped: ${WHAT_IS_MISSING}`);
      this.skip();
    }
  });
  beforeEach(async () => {
    mock = await KafkaMock.start();
    relays = new RelayHarness(await openMemoryStore());
    sink = new KafkaSinkFixture(mock, relays);
  });
  afterEach(async () => {
    await relays?.close();
    await mock?.stop();
  });

  it('appends every event once, those of a chat in order and in one partition', async () => {
    await sink.write(6, 20);
    relays.start('relay', sink.consumer());
    expect(await sink.faults()).to.deep.equal([]);
    const records = await mock.records();
    expect(records).to.have.length(sink.log.length);
    expect(new Set(records.map(({ partition }) => partition)).size).to.be.greaterThan(1);
    const [record] = records;
    expect(JSON.parse(String(record?.value))).to.include({ id: record?.headers.ce_id, partitionkey: record?.key });
    expect(record?.headers).to.include({ 'parley-epoch': '1', ce_specversion: '1.0' });
  });

  it('is read by the Python example', async function () {
    const { python, missing } = pythonWithKafka();
    if (missing !== undefined) {
      console.log(`      skipped: ${missing}`);
      this.skip();
    }
    await sink.write(1, 6, 1);
    relays.start('relay', sink.consumer());
    expect(await sink.faults()).to.deep.equal([]);
    const messages = (await mock.records())
      .map(({ value }) => JSON.parse(String(value)) as { type: string; data: { sequence: number; body: string } })
      .filter(({ type }) => type === 'message.created');
    expect(messages).to.have.length(5);
    const example = await startProcess({
      interpreter: python,
      script: join(projectFolder, 'examples', 'python', 'kafka_consumer.py'),
      args: [String(messages.length)],
      env: { PARLEY_KAFKA: mock.brokers.join(','), PARLEY_TOPIC: mock.topic },
    });
    expect((await example.ended).code, example.output).to.equal(0);
    expect(example.stdout).to.deep.equal(messages.map(({ data }) => `${data.sequence} ${data.body}`));
  });

  it('splits a delivery into requests of limited size, in order', async () => {
    await sink.write(2, 60);
    relays.start('relay', sink.consumer(undefined, { batchMaxBytes: 4_000 }));
    expect(await sink.faults()).to.deep.equal([]);
  });

  for (const [name, code] of Object.entries({
    NOT_LEADER,
    REQUEST_TIMED_OUT,
    NOT_ENOUGH_REPLICAS,
    NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    'a closed connection': TRANSPORT,
  }))
    it(`loses and reorders nothing when brokers answer with ${name}`, async () => {
      await mock.errors(PRODUCE, code, 6);
      await sink.write(3, 10);
      relays.start('relay', sink.consumer());
      expect(await sink.faults()).to.deep.equal([]);
      expect(sink.counts.failures).to.be.greaterThan(0);
      expect(await relays.store.cursors.parked('kafka', 10)).to.deep.equal([]);
    });

  it('loses and reorders nothing while brokers go down and leaders move', async () => {
    await sink.write(1, 2);
    relays.start('relay', sink.consumer());
    for (let round = 0; round < ROUNDS; round += 1) {
      const broker = 1 + (round % 3);
      const { failures } = sink.counts;
      for (let partition = 0; partition < 4; partition += 1) await mock.leader(partition, broker);
      await relays.caughtUp('kafka');
      await mock.down(broker);
      await sink.write(3, 5);
      await eventually(() => sink.counts.failures > failures, { within: WITHIN_MS, what: 'the leader is away' });
      for (let partition = 0; partition < 4; partition += 1)
        await mock.leader(partition, 1 + ((broker + (partition % 2)) % 3));
      await sink.write(3, 5);
      await relays.caughtUp('kafka');
      await mock.up(broker);
    }
    expect(await sink.faults()).to.deep.equal([]);
  });

  it('waits while all brokers are down, reports it, and continues', async () => {
    for (const broker of [1, 2, 3]) await mock.down(broker);
    await sink.write(2, 5);
    const relay = relays.start('relay', sink.consumer());
    await eventually(() => relay.status.troubles.length > 0 && sink.counts.failures > 2, {
      within: WITHIN_MS,
      what: 'the relay reports that Kafka is down',
    });
    for (const broker of [1, 2, 3]) await mock.up(broker);
    expect(await sink.faults()).to.deep.equal([]);
  });

  it('repeats events with the same id if an answer comes too late', async () => {
    for (const broker of [1, 2, 3]) await mock.slow(broker, 300);
    await sink.write(2, 5);
    relays.start('relay', sink.consumer(clientOf(mock, { requestTimeoutMs: 150 })));
    await eventually(() => sink.counts.failures > 1, { within: WITHIN_MS, what: 'answers come too late' });
    for (const broker of [1, 2, 3]) await mock.slow(broker, 0);
    expect(await sink.faults()).to.deep.equal([]);
  });

  it('parks an event that the brokers refuse by itself, and continues', async () => {
    await sink.write(1, 4, 1);
    // Once for the whole delivery; then for its first event alone.
    await mock.errors(PRODUCE, MESSAGE_TOO_LARGE, 2);
    relays.start('relay', sink.consumer());
    await relays.caughtUp('kafka');
    const parked = await relays.store.cursors.parked('kafka', 10);
    expect(parked.map(({ position, code }) => [position, code])).to.deep.equal([[1, 'message-too-large']]);
    expect(faultsOfTopic(sink.log.slice(1), await mock.records())).to.deep.equal([]);
  });

  describe('with a planted bug', () => {
    /** The faults of the topic with this client. */
    const plays = async (plant: (client: KafkaClient) => KafkaClient) => {
      await sink.write(6, 20);
      relays.start('relay', sink.consumer(plant(clientOf(mock))));
      return (await sink.faults()).join('; ');
    };

    it('is caught: an append counts although it failed', async () => {
      await mock.errors(PRODUCE, NOT_LEADER, 2);
      const faults = await plays((client) => ({
        append: (records) => client.append(records).catch(() => undefined),
        close: () => client.close(),
      }));
      expect(faults).to.match(/missing: /);
    });

    it('is caught: kafkajs repeats a send by itself, and skips a partition whose leader has moved', async () => {
      const producer = new Kafka({ brokers: mock.brokers, logLevel: logLevel.NOTHING }).producer({
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: { retries: 5, initialRetryTime: 10 },
      });
      await producer.connect();
      for (const partition of [0, 1, 2, 3]) await mock.leader(partition, 1 + (partition % 2));
      // It learns the leaders. Then they move.
      await producer.send({ topic: mock.topic, messages: [{ key: 'first', value: '' }] });
      for (const partition of [0, 1, 2, 3]) await mock.leader(partition, 1);
      const faults = await plays(() => ({
        append: async (records) => {
          const messages = records.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } }));
          await producer.send({ topic: mock.topic, messages });
        },
        close: () => producer.disconnect(),
      }));
      expect(faults).to.match(/missing: /);
    });

    it('is caught: records of a chat are appended in reverse', async () => {
      const faults = await plays((client) => ({
        append: (records) => client.append([...records].reverse()),
        close: () => client.close(),
      }));
      expect(faults).to.match(/not in order/);
    });
  });
});
