/**
 * The Kafka client on kafkajs 2.2. How it is used avoids known bugs of it:
 *
 * - Its own retries of a send are off. After a move of a leader, such a retry can skip a partition whose new leader has
 *   already answered for another one, and report success (sendMessages.js keeps the answers by broker; compare
 *   tulios/kafkajs#1303). The relay repeats the whole delivery instead.
 * - One request at a time per broker (`maxInFlightRequests`), so that a retry cannot overtake (tulios/kafkajs#200).
 * - Each send has a time limit of ours, after which the client is replaced: a lost connection can leave a send pending.
 * - The idempotent producer is off: it is experimental, and it removes only repeats within one process.
 */
import kafkajs, { type KafkaConfig, type Producer } from 'kafkajs';
import { type KafkaClient, type KafkaRecord, RecordsRefused } from './kafka-client.js';

// kafkajs is CommonJS.
const { Kafka, logLevel, Partitioners } = kafkajs;

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

export interface KafkajsSettings {
  /** `host:port` */
  brokers: readonly string[];
  clientId: string;
  topic: string;
  /** Of one request. A send may take twice as long, because it can include a connection. */
  requestTimeoutMs: number;
  connectTimeoutMs: number;
  /** Whether brokers may create the topic, if their `auto.create.topics.enable` permits it. */
  createTopic: boolean;
  /** Null: without TLS. In PEM; without `ca`: the authorities that Node knows. */
  tls: { ca?: string; cert?: string; key?: string } | null;
  sasl: { mechanism: SaslMechanism; username: string; password: string } | null;
}

const ACKS_OF_ALL_REPLICAS = -1;
/** A client that has failed this often in a row is replaced, so that the addresses of the settings are tried again. */
const FAILURES_MAX = 5;
const CLOSE_TIMEOUT_MS = 2_000;

/** Errors of the protocol that the same records meet again: https://kafka.apache.org/protocol#protocol_error_codes */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['MESSAGE_TOO_LARGE', 'message-too-large'],
  ['RECORD_LIST_TOO_LARGE', 'message-too-large'],
  ['INVALID_RECORD', 'invalid-record'],
  ['INVALID_TIMESTAMP', 'invalid-timestamp'],
]);

interface Connected {
  producer: Producer;
  ready: Promise<void>;
  failures: number;
}

export class KafkajsClient implements KafkaClient {
  private current: Connected | null = null;

  constructor(private readonly settings: KafkajsSettings) {}

  async append(records: readonly KafkaRecord[]): Promise<void> {
    const { topic, requestTimeoutMs, connectTimeoutMs } = this.settings;
    const used = this.connected();
    try {
      await within(connectTimeoutMs + 2 * requestTimeoutMs, async () => {
        await used.ready;
        await used.producer.send({
          topic,
          acks: ACKS_OF_ALL_REPLICAS,
          timeout: requestTimeoutMs,
          messages: records.map(({ key, value, headers, timestampMs }) => ({
            ...{ key, value, headers: { ...headers } },
            timestamp: String(timestampMs),
          })),
        });
      });
      used.failures = 0;
    } catch (error) {
      const code = REFUSALS.get(protocolErrorOf(error) ?? '');
      if (code !== undefined) throw new RecordsRefused(code, { cause: error });
      used.failures += 1;
      if (error instanceof SendTimeout || used.failures >= FAILURES_MAX) this.retire(used);
      throw error;
    }
  }

  async close(): Promise<void> {
    const { current } = this;
    this.current = null;
    if (current !== null) await disconnect(current.producer);
  }

  private connected(): Connected {
    if (this.current !== null) return this.current;
    const producer = new Kafka(configOf(this.settings)).producer({
      allowAutoTopicCreation: this.settings.createTopic,
      // By the murmur2 hash of the key, as the Java client and librdkafka's `murmur2_random` do.
      createPartitioner: Partitioners.DefaultPartitioner,
      maxInFlightRequests: 1,
      retry: { retries: 0 },
    });
    const connected: Connected = { producer, ready: producer.connect(), failures: 0 };
    // The first to send gets the error, too.
    connected.ready.catch(() => this.retire(connected));
    this.current = connected;
    return connected;
  }

  /** The next send connects anew. Sends under way on the old connections fail, and are repeated. */
  private retire(connected: Connected): void {
    if (this.current === connected) this.current = null;
    void disconnect(connected.producer);
  }
}

function configOf({ brokers, clientId, requestTimeoutMs, connectTimeoutMs, tls, sasl }: KafkajsSettings): KafkaConfig {
  return {
    clientId,
    brokers: [...brokers],
    requestTimeout: requestTimeoutMs,
    connectionTimeout: connectTimeoutMs,
    // The relay logs why a delivery failed.
    logLevel: logLevel.NOTHING,
    // Of connections and metadata. The relay tries again for ever, with backoff.
    retry: { retries: 1, initialRetryTime: 100, maxRetryTime: 1_000 },
    ...(tls === null ? {} : { ssl: tls }),
    // The union of kafkajs has one member per mechanism; ours is checked by the setting.
    ...(sasl === null ? {} : { sasl: sasl as NonNullable<KafkaConfig['sasl']> }),
  };
}

/** The name of the protocol's error, at any depth of causes. */
function protocolErrorOf(error: unknown): string | null {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if ('type' in cause && typeof cause.type === 'string') return cause.type;
  return null;
}

class SendTimeout extends Error {
  constructor(timeoutMs: number) {
    super(`Kafka has not answered within ${timeoutMs} ms`);
    this.name = 'SendTimeout';
  }
}

async function within(timeoutMs: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SendTimeout(timeoutMs)), timeoutMs);
  });
  try {
    await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What kafkajs cannot close in time is left to the end of its connections. */
async function disconnect(producer: Producer): Promise<void> {
  await within(CLOSE_TIMEOUT_MS, () => producer.disconnect()).catch(() => undefined);
}
