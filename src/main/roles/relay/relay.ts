import type { LogConsumer } from '../../../application/ports/log-consumer.js';
import { variable } from '../../../infrastructure/config/config.js';
import { oneOf, text } from '../../../infrastructure/config/config-values.js';
import { DATABASE } from '../needs.js';
import { defineRole } from '../role.js';
import { kafkaConsumers, kafkaVariables, usesSasl } from './kafka-sink.js';
import { webhookVariables } from './webhook-variables.js';

/** Event log → log consumers. It needs no broker. */
export const relay = defineRole({
  name: 'relay',
  summary: 'follow the event log with log consumers: Kafka, JSON Lines files',
  variables: {
    jsonLinesDir: variable({
      name: 'JSON_LINES_DIR',
      parse: text({ minLength: 1 }),
      describe: 'Folder to which the relay writes all events as JSON Lines, for development. If unset: off',
    }),
    jsonLinesFsync: variable({
      name: 'JSON_LINES_FSYNC',
      parse: oneOf('batch', 'never'),
      default: 'batch',
      describe:
        'JSON Lines: batch flushes events to the disk before they count as delivered, never leaves that to the operating system',
    }),
    ...webhookVariables,
    ...kafkaVariables,
  },
  // A relay without a log consumer would do nothing.
  needs: [
    DATABASE,
    { anyOf: ['JSON_LINES_DIR', 'WEBHOOKS', 'KAFKA_BROKERS'] },
    { anyOf: ['KAFKA_SASL_USERNAME'], when: { text: 'KAFKA_SASL_MECHANISM', holds: (settings) => usesSasl(settings) } },
    { anyOf: ['KAFKA_SASL_PASSWORD'], when: { text: 'KAFKA_SASL_MECHANISM', holds: (settings) => usesSasl(settings) } },
  ],
  usesTransport: false,
  isInDev: ({ jsonLinesDir, webhooks, kafkaBrokers }) =>
    jsonLinesDir !== undefined || webhooks === 'on' || kafkaBrokers !== undefined,

  async compose(context) {
    const { JsonLinesConsumer } = await import('../../../adapters/sinks/json-lines/json-lines-consumer.js');
    const { relayParts } = await import('./relay-parts.js');
    const { webhookParts } = await import('./webhook-parts.js');

    const { jsonLinesDir, jsonLinesFsync } = context.settings;
    // A new consumer is added here.
    const consumers: LogConsumer[] =
      jsonLinesDir === undefined ? [] : [new JsonLinesConsumer({ folder: jsonLinesDir, fsync: jsonLinesFsync })];
    consumers.push(...(await kafkaConsumers(context.settings, context.metrics)));
    const relayId = context.workerId;
    const webhooks = context.settings.webhooks === 'on' ? webhookParts(context, relayId) : null;
    if (webhooks !== null) consumers.push(webhooks.consumer);
    const parts = await relayParts(context, { name: 'relay', relayId, consumers });
    // The engine is stopped with its consumer.
    return webhooks === null ? parts : { ...parts, services: [...parts.services, webhooks.service] };
  },
});
