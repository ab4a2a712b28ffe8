/** How an event becomes records: CloudEvents by their Kafka binding (1.0.2), or other formats. */
import type { DeliveredEvent } from '../../../application/ports/log-consumer.js';
import type { CloudEvent } from '../../../contract/messages/events.js';

export interface EventRecord {
  value: Buffer;
  headers: Record<string, string>;
}

/** The records of an event, in order. None: this format has no form for the event. */
export type RecordFormat = (delivered: DeliveredEvent) => EventRecord[];

/** The attributes as headers. In structured mode they repeat the value, so that every format is deduplicated alike. */
export function attributeHeaders(event: CloudEvent): Record<string, string> {
  return {
    ce_specversion: event.specversion,
    ce_id: event.id,
    ce_source: event.source,
    ce_type: event.type,
    ce_subject: ascii(event.subject),
    ce_time: event.time,
    ce_partitionkey: ascii(event.partitionkey),
    ...(event.sequence === undefined ? {} : { ce_sequence: event.sequence }),
  };
}

export const structured: RecordFormat = ({ event }) => [
  {
    value: Buffer.from(JSON.stringify(event)),
    headers: { ...attributeHeaders(event), 'content-type': 'application/cloudevents+json; charset=UTF-8' },
  },
];

export const binary: RecordFormat = ({ event }) => [
  {
    value: Buffer.from(JSON.stringify(event.data)),
    headers: { ...attributeHeaders(event), 'content-type': event.datacontenttype },
  },
];

/** Ids are ASCII by contract; the binding asks for percent-encoding of anything else. */
function ascii(value: string): string {
  return value.replace(/[^!-~]/gu, encodeURIComponent);
}
