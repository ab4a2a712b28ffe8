/** The Kafka sink in a relay on any store, against a mock cluster, and the ledger of both. */

import type { KafkaClient } from '../../../src/adapters/sinks/kafka/kafka-client.js';
import { KafkaConsumer } from '../../../src/adapters/sinks/kafka/kafka-consumer.js';
import { KafkajsClient, type KafkajsSettings } from '../../../src/adapters/sinks/kafka/kafkajs-client.js';
import { type RecordFormat, structured } from '../../../src/adapters/sinks/kafka/record-format.js';
import { eventId } from '../../../src/application/outbox/render-event.js';
import type { LoggedEvent } from '../../../src/application/ports/store/log/event-log.js';
import { faultsOfTopic } from '../../support/kafka-ledger.js';
import type { RelayHarness } from '../../support/relay-harness.js';
import type { KafkaMock } from '../../support/services/kafka/kafka-mock.js';
import { write } from '../relay/scenarios.js';

export const BATCH_MAX_BYTES = 900 * 1024;

export function clientOf(mock: KafkaMock, over: Partial<KafkajsSettings> = {}): KafkajsClient {
  return new KafkajsClient({
    brokers: mock.brokers,
    clientId: 'test',
    topic: mock.topic,
    requestTimeoutMs: 1_000,
    connectTimeoutMs: 1_000,
    createTopic: false,
    tls: null,
    sasl: null,
    ...over,
  });
}

export class KafkaSinkFixture {
  readonly counts = { records: 0, failures: 0, refused: [] as string[] };
  private readonly written: LoggedEvent[] = [];

  constructor(
    readonly mock: KafkaMock,
    readonly relays: RelayHarness,
  ) {}

  consumer(
    client: KafkaClient = clientOf(this.mock),
    { format = structured, batchMaxBytes = BATCH_MAX_BYTES }: { format?: RecordFormat; batchMaxBytes?: number } = {},
  ): KafkaConsumer {
    return new KafkaConsumer(
      client,
      { start: 'beginning', imports: 'exclude', format, batchMaxBytes },
      {
        appended: (records) => {
          this.counts.records += records;
        },
        failed: () => {
          this.counts.failures += 1;
        },
        refused: (code) => {
          this.counts.refused.push(code);
        },
      },
    );
  }

  /** Events of some new chats in each partition of the store. */
  async write(chats: number, events: number, partitions = 2): Promise<void> {
    for (let partition = 0; partition < partitions; partition += 1)
      for (let chat = 0; chat < chats; chat += 1)
        this.written.push(...(await write(this.relays.store, events, partition)));
  }

  get log() {
    return this.written.map((event) => ({ key: event.chatId ?? '', id: eventId(event) }));
  }

  async faults(): Promise<string[]> {
    await this.relays.caughtUp('kafka');
    return faultsOfTopic(this.log, await this.mock.records());
  }
}
