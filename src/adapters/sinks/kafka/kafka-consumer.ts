/** A log consumer that appends every event to a Kafka topic: keyed by chat, in order, at least once. */
import type {
  DeliveredEvent,
  Delivery,
  DeliveryResult,
  EventConsumer,
  StartAt,
} from '../../../application/ports/log-consumer.js';
import { type KafkaClient, type KafkaRecord, RecordsRefused } from './kafka-client.js';
import type { RecordFormat } from './record-format.js';

/** Key of the cursors: `parley relay status` shows it. */
export const KAFKA_CONSUMER = 'kafka';
/** What a record costs besides its key, its value and its headers; an upper bound for record batches of version 2. */
const RECORD_OVERHEAD_BYTES = 64;

export interface KafkaConsumerOptions {
  start: StartAt;
  imports: EventConsumer['imports'];
  format: RecordFormat;
  /**
   * Maximum bytes of one append, unless one event alone has more. All its records can be for one partition, whose
   * leader refuses a batch beyond `max.message.bytes` of the topic.
   */
  batchMaxBytes: number;
}

export interface KafkaObserver {
  /** Records that all replicas have, and how long that took. */
  appended(records: number, bytes: number, seconds: number): void;
  /** An append that failed because the cluster was unavailable. It is repeated. */
  failed(): void;
  /** An event that the brokers refused by itself. It is parked. */
  refused(code: string): void;
}

/** An event's records. */
interface Encoded {
  /** In the delivery. */
  index: number;
  records: KafkaRecord[];
  bytes: number;
}

export class KafkaConsumer implements EventConsumer {
  readonly name = KAFKA_CONSUMER;
  readonly content = 'cloud-events';
  readonly movesCursor = false;
  readonly start: StartAt;
  readonly imports: EventConsumer['imports'];

  constructor(
    private readonly client: KafkaClient,
    private readonly options: KafkaConsumerOptions,
    private readonly observer: KafkaObserver,
  ) {
    this.start = options.start;
    this.imports = options.imports;
  }

  /**
   * One append after the other, so that what is repeated after an error never overtakes. Kafka cannot refuse a lower
   * epoch; each record names its epoch instead, and what a former owner appends late are repeats.
   */
  async deliver(delivery: Delivery, signal: AbortSignal): Promise<DeliveryResult> {
    const encoded = delivery.events.map((event, index) => this.encode(event, index, delivery));
    for (const batch of batchesOf(encoded, this.options.batchMaxBytes)) {
      signal.throwIfAborted();
      const refused = await this.append(batch);
      if (refused !== null) {
        this.observer.refused(refused.code);
        return { outcome: 'failed', ...refused };
      }
    }
    return { outcome: 'taken' };
  }

  /** There is nothing to correct in the topic: events of rejected commands are missing. */
  async onOvertaken(): Promise<void> {}

  close(): Promise<void> {
    return this.client.close();
  }

  /** If a batch is refused, each of its events is appended alone, so that the guilty one is found. */
  private async append(batch: readonly Encoded[]): Promise<{ index: number; code: string } | null> {
    const records = batch.flatMap((event) => event.records);
    if (records.length === 0) return null;
    const startedAt = performance.now();
    try {
      await this.client.append(records);
    } catch (error) {
      if (!(error instanceof RecordsRefused)) {
        this.observer.failed();
        throw error;
      }
      const [only] = batch;
      if (batch.length === 1 && only !== undefined) return { index: only.index, code: error.code };
      for (const event of batch) {
        const refused = await this.append([event]);
        if (refused !== null) return refused;
      }
      return null;
    }
    const bytes = batch.reduce((sum, event) => sum + event.bytes, 0);
    this.observer.appended(records.length, bytes, (performance.now() - startedAt) / 1_000);
    return null;
  }

  private encode(delivered: DeliveredEvent, index: number, { partition, epoch }: Delivery): Encoded {
    const { event, position } = delivered;
    const place = {
      'parley-partition': String(partition),
      'parley-position': String(position),
      'parley-epoch': String(epoch),
    };
    const records = this.options.format(delivered).map(({ value, headers }) => ({
      key: event.partitionkey,
      value,
      headers: { ...headers, ...place },
      timestampMs: Date.parse(event.time),
    }));
    return { index, records, bytes: records.reduce((sum, record) => sum + bytesOf(record), 0) };
  }
}

/** As many events as the limit allows; a larger event is alone. */
function* batchesOf(events: readonly Encoded[], maxBytes: number): Generator<Encoded[]> {
  let batch: Encoded[] = [];
  let bytes = 0;
  for (const event of events) {
    if (batch.length > 0 && bytes + event.bytes > maxBytes) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += event.bytes;
  }
  if (batch.length > 0) yield batch;
}

function bytesOf({ key, value, headers }: KafkaRecord): number {
  const ofHeaders = Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  return RECORD_OVERHEAD_BYTES + Buffer.byteLength(key) + value.byteLength + ofHeaders;
}
