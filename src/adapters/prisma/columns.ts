/** Values on their way into a statement: arrays of text that PostgreSQL casts, so that no conversion of the driver comes into it. */

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
