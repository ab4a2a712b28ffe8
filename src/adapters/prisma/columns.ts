/**
 * Values on their way into a set-wise statement: one array a column, written as PostgreSQL reads it. Given arrays, Prisma and the
 * driver would look at each value several times over: more work than everything else about a batch.
 */

type Value = string | number | null;

/** The array literal of one column of `rows`, to be cast to the column's type: `${column(…)}::uuid[]`. */
export function column<Row>(rows: readonly Row[], value: (row: Row) => Value): string {
  let literal = '{';
  for (const row of rows) {
    if (literal.length > 1) literal += ',';
    literal += element(value(row));
  }
  return `${literal}}`;
}

function element(value: Value): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  return /["\\]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : `"${value}"`;
}

/** JSON as it will be kept, character by character; null for an empty array or object. */
export function jsonUnlessEmpty(value: object): string | null {
  const json = JSON.stringify(value);
  return json === '[]' || json === '{}' ? null : json;
}

/** RFC 3339 UTC in milliseconds. */
export function time(value: Date): string;
export function time(value: Date | null): string | null;
export function time(value: Date | null): string | null {
  return value === null ? null : value.toISOString();
}

/** For `decode(…, 'hex')`. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
