import { hideCredentials } from './hide-credentials.js';

/** Last words of field names whose values must never reach a log. */
const SECRET_WORDS = new Set([
  'token',
  'tokens',
  'jwt',
  'authorization',
  'password',
  'passwd',
  'passphrase',
  'secret',
  'secrets',
  'credential',
  'credentials',
  'cookie',
  'cookies',
  'body',
  'bodies',
  'text',
]);
/** The same for names of two words without a separator. */
const SECRET_PAIRS = new Set(['apikey', 'privatekey', 'signingkey']);

const MAX_DEPTH = 6;
const MAX_STRING_LENGTH = 8192;
const MAX_ITEMS = 100;

/**
 * A copy that is safe for a log line. Fields named like a secret or like a user's text are removed (numbers and
 * booleans may stay), passwords in URLs are masked, errors become plain objects, and the size is limited.
 */
export function redact(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return copyObject(fields, 0, new Set());
}

function copyObject(source: object, depth: number, above: Set<object>): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined || (isSecretName(name) && typeof value !== 'number' && typeof value !== 'boolean'))
      continue;
    copy[name] = copyValue(value, depth + 1, above);
  }
  return copy;
}

function copyValue(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === 'string') return clean(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (above.has(value)) return '[circular]';
  if (depth > MAX_DEPTH) return '[deeper]';
  const path = new Set(above).add(value);
  if (value instanceof Error) return copyError(value, depth, path);
  if (value instanceof Map) return copyObject(Object.fromEntries(value), depth, path);
  if (Array.isArray(value) || value instanceof Set) {
    const items = [...value];
    const kept = items.slice(0, MAX_ITEMS).map((item) => copyValue(item, depth + 1, path));
    return items.length > MAX_ITEMS ? [...kept, `[${items.length - MAX_ITEMS} more]`] : kept;
  }
  return copyObject(value, depth, path);
}

/** Only these properties: others of a library's errors may quote user texts. */
function copyError(error: Error, depth: number, path: Set<object>): Record<string, unknown> {
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: clean(error.message),
    stack: clean(error.stack ?? ''),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: copyValue(error.cause, depth + 1, path) }),
    ...(error instanceof AggregateError ? { errors: copyValue(error.errors, depth + 1, path) } : {}),
  };
}

/** Whether a field with this name is a secret or a user's text. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  return SECRET_WORDS.has(words.at(-1) ?? '') || SECRET_PAIRS.has(words.slice(-2).join(''));
}

function clean(text: string): string {
  if (text.length <= MAX_STRING_LENGTH) return hideCredentials(text);
  const rest = text.length - MAX_STRING_LENGTH;
  return `${hideCredentials(text.slice(0, MAX_STRING_LENGTH))}… [${rest} more characters]`;
}
