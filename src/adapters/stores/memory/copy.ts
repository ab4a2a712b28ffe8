/**
 * A copy as the database would give it back: nothing shared with the caller, and JSON as JSON has it (`-0` is `0`, what is undefined is
 * left out).
 */
export function copy<T>(value: T): T {
  return copyValue(value) as T;
}

function copyValue(value: unknown): unknown {
  if (typeof value === 'number') return value === 0 ? 0 : value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return new Date(value);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(copyValue);
  // `fromEntries` defines properties where assigning would not: one named `__proto__` stays one.
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, content]) => (content === undefined ? [] : [[name, copyValue(content)]])),
  );
}
