/**
 * Values for a set-based statement: one array per column, as a PostgreSQL array literal. For a JavaScript array, Prisma
 * and the driver would process each value several times, which costs more than the rest of a batch.
 */
import { DEFAULT_CONTENT_TYPE } from '../../../domain/message.js';

type Value = string | number | null;

/** The array literal of one column of `rows`. It must be cast to the column's type: `${column(…)}::uuid[]`. */
export function column<Row>(rows: readonly Row[], value: (row: Row) => Value): string {
  let literal = '';
  let last: Value | undefined;
  let written = '';
  for (const row of rows) {
    const next = value(row);
    // Most columns of a batch repeat one value: its time, its tenant, or null.
    if (next !== last) {
      last = next;
      written = element(next);
    }
    literal += literal === '' ? written : `,${written}`;
  }
  return `{${literal}}`;
}

function element(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  return value.includes('"') || value.includes('\\') ? `"${value.replace(/["\\]/g, '\\$&')}"` : `"${value}"`;
}

/** JSON as it is stored, character by character. Null for an empty array or object. */
export function jsonUnlessEmpty(value: object): string | null {
  const json = JSON.stringify(value);
  return json === '[]' || json === '{}' ? null : json;
}

/** A message's content type as it is stored: null for the default, which nearly all messages have. */
export function unlessDefaultType(contentType: string): string | null {
  return contentType === DEFAULT_CONTENT_TYPE ? null : contentType;
}

let lastTime = { milliseconds: Number.NaN, text: '' };

/** RFC 3339 UTC with milliseconds. Most times of a batch are the batch's own, so that one is formatted only once. */
export function time(value: Date): string;
export function time(value: Date | null): string | null;
export function time(value: Date | null): string | null {
  if (value === null) return null;
  const milliseconds = value.getTime();
  if (milliseconds !== lastTime.milliseconds) lastTime = { milliseconds, text: value.toISOString() };
  return lastTime.text;
}

/** For `decode(…, 'hex')`. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
