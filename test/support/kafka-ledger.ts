/** Compares what is in a Kafka topic with the event log. */
import type { ConsumedRecord } from './services/kafka/kafka-mock.js';

export interface LoggedPlace {
  /** Key of the record: the chat. */
  key: string;
  /** The event's id. */
  id: string;
}

/**
 * Faults of the topic. `log` has the events of each key in their order. Each must be there; without repeats, those of
 * one key must be in order and in one partition; a repeat must be equal to its first copy.
 */
export function faultsOfTopic(log: readonly LoggedPlace[], records: readonly ConsumedRecord[]): string[] {
  const faults: string[] = [];
  const firsts = new Map<string, ConsumedRecord>();
  const idsOf = new Map<string, string[]>();
  for (const record of records) {
    const id = record.headers.ce_id ?? '';
    const first = firsts.get(id);
    if (first === undefined) {
      firsts.set(id, record);
      idsOf.set(record.key, [...(idsOf.get(record.key) ?? []), id]);
    } else if (!first.value.equals(record.value)) faults.push(`${id} has another value when repeated`);
    if (first !== undefined && first.partition !== record.partition) faults.push(`${id} is in two partitions`);
  }
  const known = new Set(log.map(({ id }) => id));
  const missing = log.filter(({ id }) => !firsts.has(id));
  if (missing.length > 0) faults.push(`missing: ${missing.length}, first ${missing[0]?.id}`);
  const unexpected = [...firsts.keys()].filter((id) => !known.has(id));
  if (unexpected.length > 0) faults.push(`unexpected: ${unexpected.slice(0, 3).join(' ')}`);
  for (const [key, ids] of idsOf) {
    const expected = log.filter((place) => place.key === key && firsts.has(place.id)).map(({ id }) => id);
    const at = ids.findIndex((id, index) => id !== expected[index]);
    if (at !== -1) faults.push(`not in order: ${key} has ${ids[at]} in place of ${expected[at]}`);
  }
  return faults;
}
