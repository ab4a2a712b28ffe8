/**
 * A copy as the database would return it: nothing is shared with the caller, and values are as in JSON (`-0` becomes
 * `0`, undefined properties are left out).
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
  // `fromEntries` defines properties instead of assigning them, so a property named `__proto__` is kept.
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, content]) => (content === undefined ? [] : [[name, copyValue(content)]])),
  );
}
