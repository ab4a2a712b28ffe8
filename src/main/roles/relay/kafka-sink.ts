/** The Kafka sink of the role `relay`: its settings, and its consumer. */
import { readFileSync } from 'node:fs';
import type { LogConsumer } from '../../../application/ports/log-consumer.js';
import { type Values, variable } from '../../../infrastructure/config/config.js';
import { byteSize, duration, oneOf, text } from '../../../infrastructure/config/config-values.js';
import { StartupError } from '../../../infrastructure/process/startup-error.js';
import type { ProcessBasics } from '../../observability.js';

/** By Kafka's own rule. */
const TOPIC = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;
const BROKER = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;
/** How long a connection to a broker may take. */
const CONNECT_TIMEOUT_MS = 5_000;

function brokers(value: string): string[] {
  const all = value.split(',').map((broker) => broker.trim());
  if (!all.every((broker) => BROKER.test(broker))) throw new Error('must be brokers such as kafka-1:9092,kafka-2:9092');
  return all;
}

export const kafkaVariables = {
  kafkaBrokers: variable({
    name: 'KAFKA_BROKERS',
    parse: brokers,
    describe: 'Kafka brokers to begin with, as host:port, separated by commas. If unset: the Kafka sink is off',
  }),
  kafkaTopic: variable({
    name: 'KAFKA_TOPIC',
    parse: text({ pattern: TOPIC, expected: '1 to 249 of A-Z a-z 0-9 . _ -' }),
    default: 'parley.events',
    describe: 'Kafka topic that gets the events',
  }),
  kafkaFormat: variable({
    name: 'KAFKA_FORMAT',
    parse: oneOf('structured', 'binary', 'realchat'),
    default: 'structured',
    describe:
      'Format of the records: structured or binary (CloudEvents), or realchat (EventEnvelope of the RealChat message service)',
  }),
  kafkaStart: variable({
    name: 'KAFKA_START',
    parse: oneOf('beginning', 'now'),
    default: 'beginning',
    describe: 'Where the Kafka sink begins when it runs for the first time: beginning of the log, or now',
  }),
  kafkaImports: variable({
    name: 'KAFKA_IMPORTS',
    parse: oneOf('include', 'exclude'),
    default: 'exclude',
    describe: 'Whether the Kafka sink gets the events of imported chats',
  }),
  kafkaTopicCreate: variable({
    name: 'KAFKA_TOPIC_CREATE',
    parse: oneOf('on', 'off'),
    default: 'off',
    describe: 'Whether brokers may create the topic, with their default number of partitions',
  }),
  kafkaBatchMaxBytes: variable({
    name: 'KAFKA_BATCH_MAX_BYTES',
    parse: byteSize({ min: 64 * 1024, max: 64 * 1024 * 1024 }),
    default: '900KiB',
    describe: 'Maximum size of a request to Kafka; below max.message.bytes of the topic',
  }),
  kafkaRequestTimeoutMs: variable({
    name: 'KAFKA_REQUEST_TIMEOUT',
    parse: duration({ min: 100, max: 300_000 }),
    default: '30s',
    describe: 'Time in which a broker must answer a request',
  }),
  kafkaTls: variable({
    name: 'KAFKA_TLS',
    parse: oneOf('on', 'off'),
    default: 'off',
    describe: 'Whether connections to Kafka use TLS; the certificate of the broker is verified',
  }),
  kafkaTlsCa: variable({
    name: 'KAFKA_TLS_CA',
    parse: text({ minLength: 1 }),
    describe: 'PEM file with the certificate authorities of the brokers. If unset: the authorities that Node knows',
  }),
  kafkaTlsCert: variable({
    name: 'KAFKA_TLS_CERT',
    parse: text({ minLength: 1 }),
    describe: 'PEM file with the client certificate for Kafka. If unset: none',
  }),
  kafkaTlsKey: variable({
    name: 'KAFKA_TLS_KEY',
    parse: text({ minLength: 1 }),
    describe: 'PEM file with the key of this client certificate',
  }),
  kafkaSaslMechanism: variable({
    name: 'KAFKA_SASL_MECHANISM',
    parse: oneOf('plain', 'scram-sha-256', 'scram-sha-512'),
    describe: 'SASL mechanism for Kafka: plain, scram-sha-256 or scram-sha-512. If unset: no authentication',
  }),
  kafkaSaslUsername: variable({
    name: 'KAFKA_SASL_USERNAME',
    parse: text({ minLength: 1 }),
    describe: 'User name for this mechanism',
  }),
  kafkaSaslPassword: variable({
    name: 'KAFKA_SASL_PASSWORD',
    parse: text({ minLength: 1 }),
    secret: true,
    describe: 'Password for this mechanism',
  }),
};

export type KafkaSettings = Values<typeof kafkaVariables>;

export function usesSasl({ kafkaSaslMechanism }: KafkaSettings): boolean {
  return kafkaSaslMechanism !== undefined;
}

/** None if `KAFKA_BROKERS` is not set. */
export async function kafkaConsumers(
  settings: KafkaSettings,
  { meter }: ProcessBasics['metrics'],
): Promise<LogConsumer[]> {
  const { kafkaBrokers } = settings;
  if (kafkaBrokers === undefined) return [];
  const { KafkaConsumer } = await import('../../../adapters/sinks/kafka/kafka-consumer.js');
  const { KafkajsClient } = await import('../../../adapters/sinks/kafka/kafkajs-client.js');
  const { binary, structured } = await import('../../../adapters/sinks/kafka/record-format.js');
  const { realchatFormat } = await import('../../../adapters/sinks/kafka/realchat-format.js');
  const { KafkaMetrics } = await import('../../../adapters/telemetry/kafka-metrics.js');

  const client = new KafkajsClient({
    brokers: kafkaBrokers,
    clientId: 'parley-relay',
    topic: settings.kafkaTopic,
    requestTimeoutMs: settings.kafkaRequestTimeoutMs,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    createTopic: settings.kafkaTopicCreate === 'on',
    tls: tlsOf(settings),
    sasl: saslOf(settings),
  });
  const format = { structured: () => structured, binary: () => binary, realchat: realchatFormat }[settings.kafkaFormat];
  return [
    new KafkaConsumer(
      client,
      {
        start: settings.kafkaStart,
        imports: settings.kafkaImports,
        format: format(),
        batchMaxBytes: settings.kafkaBatchMaxBytes,
      },
      new KafkaMetrics(meter),
    ),
  ];
}

function tlsOf({ kafkaTls, kafkaTlsCa, kafkaTlsCert, kafkaTlsKey }: KafkaSettings) {
  if (kafkaTls === 'off') return null;
  return {
    ...(kafkaTlsCa === undefined ? {} : { ca: pemOf('KAFKA_TLS_CA', kafkaTlsCa) }),
    ...(kafkaTlsCert === undefined ? {} : { cert: pemOf('KAFKA_TLS_CERT', kafkaTlsCert) }),
    ...(kafkaTlsKey === undefined ? {} : { key: pemOf('KAFKA_TLS_KEY', kafkaTlsKey) }),
  };
}

function pemOf(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new StartupError([`${name} "${path}" cannot be read: ${(error as Error).message}`], { cause: error });
  }
}

function saslOf({ kafkaSaslMechanism: mechanism, kafkaSaslUsername, kafkaSaslPassword }: KafkaSettings) {
  if (mechanism === undefined) return null;
  return { mechanism, username: kafkaSaslUsername ?? '', password: kafkaSaslPassword ?? '' };
}
